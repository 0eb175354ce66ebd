"""The procedural picture world the small model is trained on: scenes, their pictures and their captions.

It is not a data set of photographs: every picture is drawn by this package, so nothing has to be downloaded.
"""
