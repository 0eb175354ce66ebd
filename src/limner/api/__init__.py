"""The HTTP surface: routes, dialects and pages. It queues work and answers; it never makes a picture."""
