"""What training in either framework shares: batches, schedule, history, and how it goes on after a kill."""
