"""dask arrays and DataArrays in, the same out."""
