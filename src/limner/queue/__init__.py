"""The durable queue: states, claims, leases, events and hints. It runs nothing and knows no picture."""
