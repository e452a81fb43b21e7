"""Draws pictures that resemble photographs, as grey arrays (h, w) float32, 0 black to 1 white.

What a vocabulary learns from them is how edges, corners and textures of photographs look at all
scales, so they imitate causes (relief and light, things that hide each other, ink on paper, a lens
and a sensor) and show nothing in particular.
"""
