"""Elementary functions written in LLVM IR, for any number of lanes: sin, exp, log, ...

Each takes vectors and gives a vector and a mask: where the mask is set the result is meaningless, because the argument
lies outside of what is computed fast (an infinity, a subnormal number, a sine of 1e9), and the C library is asked.
"""
