"""The denoiser and its text: it must be able to learn, to listen, and to ignore padding."""

import torch

from limner.model import flow
from limner.model.checkpoint import Storybook


def test_training_overfits_eight_images(toy: Storybook) -> None:
    torch.manual_seed(1)
    images, prompts = torch.randn(8, 4, 8, 8).sign(), ["red ball", "blue ball", "red dog", "blue dog"] * 2
    ids = toy.tokenizer.encode(prompts)
    ids[4:, 3] = 1  # the second four differ by one unknown word
    networks = [*toy.denoiser.parameters(), *toy.text.parameters()]
    optimizer = torch.optim.AdamW(networks, 3e-3)
    for _ in range(200):
        noise, t = torch.randn_like(images), torch.rand(8)
        text, present = toy.text(ids)
        made = toy.denoiser(flow.add_noise(images, noise, t), t, text, present)
        loss = (made - flow.velocity(images, noise)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    # This close to pure noise hardly anything of the image is in x_t: what comes back was learned, word by word.
    t = torch.full((8,), 0.95)
    with torch.no_grad():
        x_t = flow.add_noise(images, torch.randn_like(images), t)
        recalled = flow.estimate_image(x_t, toy.denoiser(x_t, t, *toy.text(ids)), t)
    assert (recalled.sign() == images).float().mean() > 0.9


def test_padding_changes_nothing(toy: Storybook) -> None:
    torch.nn.init.normal_(toy.denoiser.blocks[0].text_attention.out.weight, std=0.1)  # type: ignore[union-attr,arg-type]
    torch.nn.init.normal_(toy.denoiser.head[-1].weight, std=0.1)  # type: ignore[arg-type]
    toy.eval()
    long = toy.tokenizer.encode(["red ball"])
    short = long[:, :3]
    x_t, t = torch.randn(1, 4, 8, 8), torch.full((1,), 0.5)
    with torch.no_grad():
        a, b = (toy.denoiser(x_t, t, *toy.text(ids)) for ids in (long, short))
    assert torch.allclose(a, b, atol=1e-5)


def test_any_shape_goes_through(toy: Storybook) -> None:
    text, present = toy.text(toy.tokenizer.encode(["dog"]))
    for rows, columns in ((4, 4), (4, 6), (5, 3)):
        x_t = torch.randn(1, 4, rows, columns)
        assert toy.denoiser(x_t, torch.zeros(1), text, present).shape == x_t.shape
