"""define: check a network's parameters, and write its card."""
