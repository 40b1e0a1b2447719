"""What a PyTorch model consists of, and which device there is for it."""

import torch

from drillcore.base.errors import InputError
from drillcore.frameworks.torch import as_input, observe
from stages.rig.card import Training
from stages.rig.images import check_outputs, fits, trial_inputs
from stages.rig.torch.answer import answering
from stages.rig.torch.network import build, to_input
from stages.rig.user_defined import as_script, oneline

__all__ = ["best_device", "build", "inspect", "scored"]

PADDING = "`input: [height, width, channels]` can be set to pad smaller images and to repeat grey ones; "

RECORDED = torch.float64, torch.float32, torch.float16, torch.bfloat16
"""The types of weights whose training can be recorded."""


def best_device():
    """The device that `device: auto` stands for."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def inspect(model, card, classes):
    """Return the layers of `model` as a list of `Layer`, in the order of its definition.

    Raises an `InputError` if the model does not take images of the card's input to (samples, `classes`), in training too,
    if what it takes them to are probabilities, or if its weights are none that a stage could train or store.
    """
    context = f"params.yaml: networks.{card.name}"
    model = answering(model, card)
    check_weights(model, card, context)
    images = as_input(to_input(trial_inputs(card, 3), card.kind), model)
    for training, count in ((True, 2), (False, 2), (False, 3)):
        model.train(training)
        try:
            with as_script(), torch.no_grad():
                output = model(images[:count])
        except Exception as error:  # a user's code can raise anything
            raise InputError(
                f"{context} cannot take {card.kind} of {card.input}, as the tensor {[count, *images.shape[1:]]}: "
                f"{oneline(error)}. {PADDING if card.kind == 'images' else ''}"
                f"{'otherwise the' if card.kind == 'images' else 'The'} network must take {card.kind} of that shape."
            ) from None
        if card.loss is None:
            check_output(output, count, classes, context, card)
    if card.loss is None:
        check_logits(output, card, context)
    check_single_images(model, images[:1], card, context)
    return observe(model, images).layers


def scored(model, card, classes):
    """Whether what a `model` that was inspected answers are those that the data ask for, so that they can be scored."""
    model.eval()
    with as_script(), torch.no_grad():
        output = model(as_input(to_input(trial_inputs(card, 2), card.kind), model))
    return isinstance(output, torch.Tensor) and fits(card, output.shape, 2, classes)


def check_weights(model, card, context):
    """Refuse weights that cannot be stored or, in a network that is to be trained, recorded."""
    for name, value in model.state_dict().items():
        if not isinstance(value, torch.Tensor):
            raise InputError(
                f"{context} keeps a {type(value).__name__} as {name}, but only tensors can be stored: "
                "have get_extra_state return a tensor, or remove it."
            )
    for name, parameter in model.named_parameters():
        number = parameter.dtype
        if number.is_complex or (number.is_floating_point and number not in RECORDED and not card.pretrained()):
            remedy = "keep their real and imaginary parts" if number.is_complex else "return model.float()"
            raise InputError(f"{context} has weights of {number}, {name}, which cannot be recorded: {remedy}.")
    if not card.pretrained() and not any(parameter.requires_grad for parameter in model.parameters()):
        raise InputError(
            f"{context} has no parameter that requires a gradient, so there is nothing to train: "
            "leave some trainable, or name the `checkpoint` that holds its trained weights."
        )


def check_output(output, count, classes, context, card):
    """Refuse what is not one tensor of the shape that the task asks for."""
    if not isinstance(output, torch.Tensor):
        raise InputError(
            f"{context} returns {type(output).__name__}, which holds no tensor, in training or evaluation: change its "
            "function or its arguments."
        )
    check_outputs(card, output.shape, count, classes)


def check_logits(output, card, context):
    """Refuse probabilities where the loss is a cross entropy, which takes logits."""
    rows = output.double().flatten(0, -2)
    if (
        (card.training or Training()).loss == "cross_entropy"
        and (rows >= 0).all()
        and ((rows.sum(1) - 1).abs() < 1e-4).all()
    ):
        raise InputError(
            f"{context} returns probabilities, of which cross_entropy would take the softmax once more: return the logits."
        )


def check_single_images(model, image, card, context):
    """Refuse batches of one image for a network that cannot be trained on them, as most with batch norm cannot."""
    if card.pretrained() or (card.training or Training()).batch_size > 1:
        return
    model.train()
    try:
        with as_script(), torch.no_grad():
            model(image)
    except Exception as error:  # a user's code can raise anything
        raise InputError(
            f"{context}.training.batch_size is 1, but the network cannot be trained on single images: {oneline(error)}; "
            "set it to 2 or more."
        ) from None
