"""Input images and masks: choosing, completing, painting, and what becomes of the picture."""

import io
from collections.abc import Callable
from pathlib import Path

import httpx2
from PIL import Image
from playwright.sync_api import Page, expect

OpenPage = Callable[..., Page]
Run = Callable[..., None]


def add(page: Page, picture: Path) -> None:
    """Choose an input image and wait until it is stored."""
    before = page.locator(".thumb").count()
    page.locator("#field-input_image").set_input_files(picture)
    expect(page.locator(".thumb")).to_have_count(before + 1)


def paint(page: Page, left: float, top: float, right: float, bottom: float) -> None:
    """Drag over the canvas, in parts of its sides."""
    box = page.locator(".stage canvas").bounding_box()
    assert box
    page.mouse.move(box["x"] + left * box["width"], box["y"] + top * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + right * box["width"], box["y"] + bottom * box["height"], steps=4)
    page.mouse.up()


def result(page: Page) -> Image.Image:
    """The newest picture of the results."""
    url = page.locator("run-results .picture img").first.get_attribute("src") or ""
    with Image.open(io.BytesIO(httpx2.get(url).content)) as image:
        return image.convert("RGB")


def painted(page: Page) -> float:
    """Which part of the canvas is painted."""
    share: float = page.locator(".stage canvas").evaluate(
        "c => { const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; let n = 0;"
        " for (let i = 3; i < d.length; i += 4) n += d[i] > 127; return n / (c.width * c.height); }"
    )
    return share


def test_only_what_was_painted_is_drawn_anew(page: Page, run: Run, picture: Path) -> None:
    add(page, picture)
    page.get_by_role("button", name="Paint mask").click()
    page.get_by_label("Rectangle").check()
    paint(page, 0.02, 0.02, 0.5, 0.98)
    page.get_by_role("button", name="Use mask").click()
    expect(page.locator(".thumb figcaption")).to_have_text("@Image1, masked")
    expect(page.get_by_text("Now say what to draw where you painted.")).to_be_visible()
    expect(page.locator("#field-prompt")).to_be_focused()
    run(page, "an ox steps=2", made=1)
    with Image.open(picture) as given:
        source = given.convert("RGB")
    drawn = result(page)
    same = [drawn.getpixel((x, y)) == source.getpixel((x, y)) for x in range(34, 64) for y in range(64)]
    assert all(same)
    assert any(drawn.getpixel((x, y)) != source.getpixel((x, y)) for x in range(30) for y in range(64))

    page.locator("run-results .picture").click()
    expect(page.get_by_role("button", name="Before and after")).to_have_attribute("aria-pressed", "true")
    divider = page.get_by_label("Where the first picture ends")
    divider.focus()
    before = divider.input_value()
    page.keyboard.press("ArrowRight")
    assert float(divider.input_value()) > float(before)


def test_brush_eraser_undo_invert_and_clear_do_what_they_say(page: Page, picture: Path) -> None:
    add(page, picture)
    page.get_by_role("button", name="Paint mask").click()
    paint(page, 0.3, 0.5, 0.7, 0.5)
    brushed = painted(page)
    assert 0.02 < brushed < 0.3
    page.get_by_label("Eraser").check()
    paint(page, 0.4, 0.5, 0.6, 0.5)
    assert painted(page) < brushed
    page.get_by_role("button", name="Undo").click()
    assert painted(page) == brushed
    page.get_by_role("button", name="Invert").click()
    assert abs(painted(page) - (1 - brushed)) < 0.02
    page.get_by_role("button", name="Clear").click()
    assert painted(page) == 0
    page.get_by_role("button", name="Use mask").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_have_text("Paint something first.")


def test_a_mask_is_painted_with_the_keys_and_goes_on_where_it_was(page: Page, picture: Path) -> None:
    add(page, picture)
    page.get_by_role("button", name="Paint mask").click()
    expect(page.get_by_label("Mask over the first input image")).to_be_focused()
    page.keyboard.press("Space")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Space")
    two = painted(page)
    assert two > 0
    page.keyboard.press("Control+z")
    assert 0 < painted(page) < two
    page.get_by_role("button", name="Use mask").click()
    page.get_by_role("button", name="Change mask").click()
    assert abs(painted(page) - two / 2) < 0.01
    page.get_by_role("button", name="Close").click()
    page.get_by_role("button", name="Remove mask").click()
    expect(page.locator(".thumb figcaption")).to_have_text("@Image1")


def test_a_finger_paints_too(open_page: OpenPage, picture: Path) -> None:
    page = open_page(size="phone")
    add(page, picture)
    page.get_by_role("button", name="Paint mask").click()
    page.locator(".stage canvas").tap()
    assert painted(page) > 0


def test_the_prompt_completes_the_names_of_the_inputs(page: Page, picture: Path) -> None:
    add(page, picture)
    add(page, picture)
    prompt = page.get_by_label("Prompt", exact=True)
    prompt.press_sequentially("put @im")
    expect(page.locator("#prompt-offers li")).to_have_text(["@Image1", "@Image2"])
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(prompt).to_have_value("put @Image2 ")
    expect(page.locator("#prompt-offers li")).to_have_count(0)


def test_an_input_is_pasted_dropped_and_removed(page: Page, picture: Path) -> None:
    expect(page.locator("#run")).to_be_visible()
    page.evaluate(
        """async (bytes) => {
          const files = new DataTransfer();
          files.items.add(new File([new Uint8Array(bytes)], "a.png", { type: "image/png" }));
          const both = { bubbles: true, cancelable: true };
          document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: files, ...both }));
          document.dispatchEvent(new DragEvent("drop", { dataTransfer: files, ...both }));
        }""",
        list(picture.read_bytes()),
    )
    expect(page.locator(".thumb")).to_have_count(2)
    page.get_by_role("button", name="Remove Image1").click()
    expect(page.locator(".thumb")).to_have_count(1)
    page.reload()
    expect(page.locator(".thumb")).to_have_count(1)


def test_a_file_that_is_no_picture_is_refused_at_its_field(page: Page, tmp_path: Path) -> None:
    for name in ("a.png", "a.bmp"):
        (tmp_path / name).write_text("no picture")
        page.locator("#field-input_image").set_input_files(tmp_path / name)
        expect(page.locator("#field-input_image-error")).to_contain_text("picture")


def test_a_picture_is_dragged_into_the_form_from_the_results_and_from_the_history(page: Page, run: Run) -> None:
    run(page, "dragged steps=2", made=1)
    page.locator("run-results .picture").drag_to(page.locator("input-images"))
    expect(page.locator(".thumb")).to_have_count(1)
    page.locator("run-results .picture").drag_to(page.locator(".tabs"))
    expect(page.locator(".thumb")).to_have_count(1)  # let go elsewhere, it goes nowhere
    page.get_by_role("button", name="Remove Image1").click()
    page.locator("#to-history").click()
    page.locator("history-view .picture").first.drag_to(page.locator("#to-create"))
    expect(page.locator(".thumb")).to_have_count(1)
    expect(page.locator("#field-prompt")).to_be_focused()


def test_a_result_becomes_the_next_input(page: Page, run: Run) -> None:
    run(page, "an ox steps=2", made=1)
    page.get_by_role("button", name="Edit", exact=True).click()
    expect(page.locator("#field-prompt")).to_be_focused()
    expect(page.locator(".thumb")).to_have_count(1)
    run(page, "the same ox steps=2", made=2)
