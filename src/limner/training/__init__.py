"""How storybook is made: the picture world, the recipe, the data and the loops. Nothing that serves loads this room."""
