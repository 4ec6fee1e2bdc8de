"""Losses over whole arrays as programs of four kinds of node: seen, differentiated by structure or exactly, checked.

nodes, recorder, functions and rebuild see a loss (recording); changes and rules displace elements, blocks do so with
all of them; sweep goes back by the chain rule; agreement checks; cost decides; live and points are the ways in.
"""
