"""The database: how it is opened, its tables, and how it grows. It knows nothing of what the rows mean."""
