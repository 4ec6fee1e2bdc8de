"""Numbers only: stencils, steps, sides, spacings, extrapolation, and every operation by its definition."""
