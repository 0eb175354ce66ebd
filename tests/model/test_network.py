"""The denoiser and its text: it must be able to learn, to listen, and to ignore padding."""

from dataclasses import replace

import torch

from limner.model import flow, sampler
from limner.model.checkpoint import Storybook
from limner.model.network import Denoiser


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


def test_what_is_copied_comes_out_as_it_was(toy: Storybook) -> None:
    net = Denoiser(replace(toy.denoiser.config, copies=True)).eval()
    torch.nn.init.normal_(net.head[-1].weight, std=0.1)  # type: ignore[arg-type]
    text, present = toy.text(toy.tokenizer.encode(["red ball", ""]))
    picture, noise = torch.randn(1, 4, 8, 8), sampler.draw_noise((4, 8, 8), 1)
    with torch.no_grad():
        for bias, alike in ((-40.0, False), (40.0, True)):
            torch.nn.init.constant_(net.copied.get_parameter("bias"), bias)
            velocity = sampler.guide(net, text, present, 2.0, [picture])
            *_, last = sampler.euler(velocity, noise, flow.schedule(3, 1.0, last=0.3))
            assert torch.allclose(last.x_t, picture, atol=1e-5) == alike


def test_without_an_input_nothing_is_copied(toy: Storybook) -> None:
    net = Denoiser(replace(toy.denoiser.config, copies=True))
    text, present = toy.text(toy.tokenizer.encode(["red ball"]))
    x_t, t = torch.randn(1, 4, 8, 8), torch.full((1,), 0.5)
    with torch.no_grad():
        plain = net(x_t, t, text, present)
        torch.nn.init.constant_(net.copied.get_parameter("bias"), 40.0)
        assert torch.equal(net(x_t, t, text, present), plain)
