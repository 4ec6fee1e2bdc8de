"""Gradients, Jacobians, Hessians, propagation: from arguments to results."""
