"""The same batch once more at the new weights: how its gradients change with the update, without the noise of batches.

The transition from step t - 1 to step t is counted once step t - 1 has moved the weights to w_t: from the gradient of its
batch at w_(t-1) to that of the same batch at w_t. It becomes a row when step t itself is recorded, which knows its epoch.
"""

from drillcore.artifacts.gradients import SAME_BATCH
from drillcore.recording.kernel import count_pair
from drillcore.recording.rows import Rows


def due(every, step):
    """Whether the batch of `step` is taken once more: if `every`, which may be 0 for never, divides the next step."""
    return bool(every) and (step + 1) % every == 0


class SameBatch:
    """What a recorder remembers and counts of the same batch.

    Attributes
    ----------
    before : list of float32 arrays (parameters), or None
        The gradients of the last step, until its batch is taken once more.
    counted : bool
        Whether a transition is counted that is no row yet.
    """

    def __init__(self, every):
        self.every, self.before, self.counted, self.restored = every, None, False, None
        self.steps, self.epochs = [], []

    def begin(self, tensor_of_piece, bins):
        """Make the `rows`, of pieces of tensors."""
        self.rows = Rows(SAME_BATCH, tensor_of_piece, bins)
        for name, pieces in (self.restored or {}).items():
            self.rows.pieces[name][:] = pieces
            self.counted = True

    def take_in(self, step, epoch, gradients):
        """Make what was counted the row of `step`, and remember its gradients if its batch is taken once more.

        Raises
        ------
        ValueError
            If the batch of the step before should have been.
        """
        if self.before:
            raise ValueError(
                f"step {step} comes before the batch of step {step - 1} was taken once more: call same_batch after the "
                f"optimiser's step, or record without same_batch={self.every}"
            )
        if self.counted:
            self.steps.append(step)
            self.epochs.append(epoch)
            self.rows.append()
            self.counted = False
        if due(self.every, step):
            self.before = [gradient.copy() for gradient in gradients]

    def count(self, number, piece, now, weights, binning, cells):
        """Count the piece of this `number`, a (tensor, slice, state of the last step), at gradients and weights of now."""
        tensor, part, state = piece
        count_pair(
            self.before[tensor][part],
            now[tensor][part],
            state.weight,
            weights[tensor][part],
            binning,
            cells,
            *self.rows.piece(number),
        )

    def end(self):
        """Every piece is counted."""
        self.before, self.counted = None, True

    def state(self):
        """What was counted and is no row yet, a dict of arrays."""
        return dict(self.rows.pieces) if self.counted else {}
