"""The simd engine: f traced, compiled on vectors, one lane per point."""
