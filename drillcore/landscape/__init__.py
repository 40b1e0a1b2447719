"""The loss around a network's weights: curvature, gradient noise, and what a step passes over. Plain maths on arrays."""
