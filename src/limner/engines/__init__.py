"""Cards, plans and the engines that run them."""
