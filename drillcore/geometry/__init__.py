"""What a layer knows: readouts of the labels, neural collapse, intrinsic dimension, dormant units. Plain maths on arrays."""
