"""The site: filters under plain pandoc, configuration, colours; then Quarto."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pypandoc
import pytest
import yaml

from autograder.make.address import NOWHERE, ROOT

FILTERS = ROOT / "site/filters"
CONFIG = yaml.safe_load((ROOT / "_quarto.yml").read_text())
PARTS = [p for p in CONFIG["book"]["chapters"] if isinstance(p, dict)]
LISTED = [p for p in CONFIG["book"]["chapters"] if isinstance(p, str)]
LISTED += [c for part in PARTS for c in part["chapters"]]
LISTED += [p["part"] for p in PARTS if p["part"].endswith(".qmd")]
CHAPTERS = sorted((ROOT / "chapters").glob("*.py"))
SLUG = "06_collective_communication"
STACK = "---\nfleet-stack: [20, 55, 100, 30, 10, 0, 0, 0]\n---\n"


def program():
    """Return the newest pandoc of PATH and the wheel: old ones lack what we use."""
    return pypandoc.get_pandoc_path()


PUBLIC = CONFIG["companion"] | {"owner": "who"}  # as it will be at the release


def run(folder, text, *filters, name=f"chapters/{SLUG}.md", companion=PUBLIC):
    page = folder / name
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(text)
    meta = folder / "companion.yml"
    meta.write_text(yaml.safe_dump({"companion": companion}))
    command = [program(), name, "--to=html5", "--mathml", "--wrap=none"]
    command += [f"--metadata-file={meta}"]
    command += [f"--lua-filter={FILTERS / f}.lua" for f in filters]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def html(folder, text, *filters, **kwargs):
    done = run(folder, text, *filters, **kwargs)
    assert done.returncode == 0, done.stderr
    return done.stdout


# Callouts


LABELS = ["Definition", "Example", "Perspective", "Notebook", "Checkpoint"]
LABELS += ["War story", "Lighthouse", "Principle", "Theorem", "Takeaways"]
LABELS += ["Chapter connection"]


@pytest.mark.parametrize("label", LABELS)
def test_each_label_makes_its_callout(tmp_path, label):
    css = label.lower().replace(" ", "-")
    page = html(tmp_path, f"> **{label} · A name.** The body.\n", "callouts")
    assert (
        f'<div class="co-box co-{css}" role="note" aria-label="{label}: A name">'
        in page
    )
    assert f'<span class="co-label">{label}</span>' in page
    assert '<span class="co-name">A name</span>' in page
    assert "<p>The body.</p>" in page
    assert "<strong>" not in page
    page = html(tmp_path, f"> **{label}.**\n>\n> - one\n", "callouts")
    assert f'aria-label="{label}"' in page
    assert "co-name" not in page
    assert "<li>one</li>" in page
    assert "<p></p>" not in page


def test_a_title_keeps_its_markup(tmp_path):
    text = "> **Theorem · The *ring* meets $2n$ in `T`.** Proof.\n"
    page = html(tmp_path, text, "callouts")
    name = re.search(r'<span class="co-name">(.*)</span>', page)[1]
    assert "The <em>ring</em> meets <math" in name
    assert name.endswith("<code>T</code>")
    assert "<p>Proof.</p>" in page


@pytest.mark.parametrize(
    "text",
    [
        "> **Lemma · A name.** Body.",
        "> **Theorem** without a stop.",
        "> **Theorems · A name.** Body.",
        "> Theorem · A name. Body.",
        "> An ordinary quote with **bold.**",
        "> - a list",
    ],
)
def test_any_other_quote_is_left_alone(tmp_path, text):
    assert html(tmp_path, text, "callouts") == html(tmp_path, text)


# Links and Fleet Stack


def test_a_chapter_links_to_its_notebook_and_lab(tmp_path):
    page = html(tmp_path, "# T\n\nText.\n", "page")
    where = "{owner}/{repository}/blob/{tag}".format(**PUBLIC)
    colab = f"https://colab.research.google.com/github/{where}/notebooks/chapters"
    assert f'<a href="{colab}/{SLUG}.ipynb">Open in Colab</a>' in page
    assert f'href="../notebooks/labs/{SLUG}.html">Its lab</a>' in page
    assert f'/notebooks/chapters/{SLUG}.ipynb" download="{SLUG}.ipynb"' in page
    assert page.index("page-links") < page.index("Text.")


def test_a_lab_links_to_its_notebook_and_chapter_once(tmp_path):
    text = "# Lab\n\n[Open in Colab](https://colab.research.google.com/x)\n\nText.\n"
    page = html(tmp_path, text, "page", name=f"notebooks/labs/{SLUG}.md")
    assert page.count("https://colab") == 1
    assert f"/notebooks/labs/{SLUG}.ipynb" in page
    assert f'href="../../chapters/{SLUG}.html">Its chapter</a>' in page
    assert page.index("<h1") < page.index("page-links") < page.index("Text.")


@pytest.mark.parametrize("kind", ["chapters", "notebooks/labs"])
def test_while_nobody_owns_the_name_no_page_links_to_it(tmp_path, kind):
    text = f"# T\n\n{NOWHERE}\n\nText.\n"
    name, nobody = f"{kind}/{SLUG}.md", PUBLIC | {"owner": ""}
    page = html(tmp_path, text, "page", name=name, companion=nobody)
    assert page.count("no Colab link") == 1
    assert "https://" not in page
    assert f"{SLUG}.html" in page


def test_another_page_gets_no_links(tmp_path):
    assert "page-links" not in html(tmp_path, "Text.\n", "page", name="index.md")


def test_quartos_name_of_the_input_wins(tmp_path):
    fake = tmp_path / "fake.lua"
    file = f'quarto = {{doc = {{input_file = "/x/chapters/{SLUG}.py"}}}}\n'
    fake.write_text(file + f'dofile("{FILTERS / "page.lua"}")\n')
    page = tmp_path / "quarto-input1a2b.md"
    page.write_text("---\ncompanion: {owner: a, repository: b, tag: v9}\n---\nText.\n")
    command = [program(), page, f"--lua-filter={fake}"]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert f"a/b/blob/v9/notebooks/chapters/{SLUG}.ipynb" in out


def test_the_stack_stands_below_the_contents_with_its_numbers(tmp_path):
    text = STACK + "\n## One\n\nFirst.\n\n## Two\n\nSecond.\n\nThird.\n"
    page = html(tmp_path, text, "page")
    assert page.index("Second.") < page.index("column-margin") < page.index("Third.")
    rows = re.findall(r'<li style="--w:([\d.]+)">(.*?)<span class="(.*?)">(.*?)<', page)
    assert [float(w) for w, *_ in rows] == [0, 0, 0, 0.1, 0.3, 1, 0.55, 0.2]
    assert rows[0][1:] == (
        "Governance &amp; Sustainability",
        "visually-hidden",
        ": 0 of 100",
    )
    assert rows[6][1:] == ("Fabric &amp; Storage", "visually-hidden", ": 55 of 100")
    assert re.findall(r"Part (\w+)<", page) == ["IV", "III", "II", "I"]


@pytest.mark.parametrize(
    "bad", ["[1, 2]", "[1, 2, 3, 4, 5, 6, 7, x]", "[1, 2, 3, 4, 5, 6, 7, 101]", "high"]
)
def test_a_malformed_stack_is_refused_by_name(tmp_path, bad):
    done = run(tmp_path, f"---\nfleet-stack: {bad}\n---\n\nText.\n", "page")
    assert done.returncode != 0
    assert f"{SLUG}.md: needs 8 numbers from 0 to 100" in done.stderr


# Papers, chapters and folded code


def test_what_the_prose_names_is_linked(tmp_path):
    percent(tmp_path, "03_nets", "x")
    percent(tmp_path, SLUG, "x")
    text = "Chapter\n3's, (chapter 12; arXiv 2402.15627, table 2), chapter 6.\n"
    more = "[chapter 3](x) and `chapter 3`\n\n## From chapter 3\n"
    page = html(tmp_path, f"{text}\n{more}", "links")
    found = re.findall(r'<a\s+href="([^"]*)">\s*([^<]*)</a>', page)
    assert found == [
        ("../chapters/03_nets.html", "Chapter 3"),
        ("https://arxiv.org/abs/2402.15627", "arXiv 2402.15627"),
        ("x", "chapter 3"),
    ]
    lab = html(tmp_path, "Chapter 3.\n", "links", name=f"notebooks/labs/{SLUG}.md")
    assert 'href="../../chapters/03_nets.html"' in lab


def test_code_with_a_title_is_folded_under_it(tmp_path):
    text = "```python\n# @title The ring & more\nx = 1\n```\n\n```python\ny = 2\n```\n"
    page = html(tmp_path, text, "links")
    head, folded, after = re.split(
        r'(<details class="folded">.*?</details>)', page, flags=re.DOTALL
    )
    assert "<summary>The ring &amp; more</summary>" in folded
    assert "@title" not in page
    assert ">y </span>" not in folded
    assert "<details" not in head + after


# Terms and glossary


def test_a_term_gets_an_anchor_and_a_label_does_not(tmp_path):
    text = "A **bus bandwidth**.\n\n> **Theorem · X.** A **tree**.\n\n**Result:** y\n"
    page = html(tmp_path, text, "callouts", "terms")
    assert re.findall(r'id="(term-.*?)" class="term"', page) == [
        "term-bus-bandwidth",
        "term-tree",
    ]
    assert 'class="term"' not in html(tmp_path, text, "terms", name="index.md")


def test_a_term_defined_twice_is_an_error(tmp_path):
    done = run(tmp_path, "A **ring** is. A **Ring** is.\n", "terms")
    assert done.returncode != 0
    assert "'Ring' is bold twice" in done.stderr


def percent(folder, name, body):
    (folder / "chapters").mkdir(exist_ok=True)
    lines = ["---", f'title: "{name}"', "---", "", *body.splitlines()]
    text = "# %% [markdown]\n" + "\n".join(f"# {line}".rstrip() for line in lines)
    script = f"{text}\n\n# %%\n# no **term** here\n"
    (folder / f"chapters/{name}.py").write_text(script)


def test_the_glossary_lists_every_chapters_terms(tmp_path):
    first = "First. The **ring law** is $x$, as said; more.\nNot this."
    second = "> **Theorem · X.** A **bound** is\n> low:\n\n- **Age** is"
    percent(tmp_path, "01_a", first)
    percent(tmp_path, "02_b", second)
    page = html(tmp_path, "---\nglossary: true\n---\n", "terms", name="site/g.md")
    assert re.findall("<dt>(.*)</dt>", page) == ["Age", "bound", "ring law"]
    assert '<a href="../chapters/01_a.html#term-ring-law">01_a</a>' in page
    assert "<p>A bound is low.</p>" in page
    assert re.search("<p>The ring law is <math.*, as said; more.</p>", page)
    percent(tmp_path, "03_c", "Another **bound**.")
    done = run(tmp_path, "---\nglossary: true\n---\n", "terms", name="site/g.md")
    assert "'bound' is bold in 03_c.py and in 02_b.py" in done.stderr


def markdown(script):
    cells = re.split(r"(?m)^# %%", script.read_text())
    cells = [c.partition("\n")[2] for c in cells if c.startswith(" [markdown]")]
    return "\n".join(re.sub("(?m)^# ?", "", c) for c in cells)


@pytest.mark.parametrize("script", CHAPTERS, ids=lambda p: p.stem)
def test_each_chapter_goes_through_the_filters(tmp_path, script):
    name = f"chapters/{script.stem}.md"
    every = ("callouts", "terms", "page", "links")
    page = html(tmp_path, markdown(script), *every, name=name)
    for part in ("page-links", "fleet-stack", 'class="term"', "co-takeaways"):
        assert part in page
    shutil.copytree(ROOT / "chapters", tmp_path / "chapters", dirs_exist_ok=True)
    listed = html(tmp_path, "---\nglossary: true\n---\n", "terms", name="site/g.md")
    for anchor in re.findall(r'id="(term-.*?)"', page):
        assert f"{script.stem}.html#{anchor}" in listed


# Configuration


def test_every_page_listed_exists_and_every_chapter_is_listed():
    for page in LISTED:
        lab = page.startswith("notebooks/labs/")  # generated; its source must be there
        source = f"labs/{Path(page).stem}.py" if lab else page
        assert (ROOT / source).exists(), page
    for script in CHAPTERS:
        assert f"chapters/{script.name}" in LISTED
        assert f"notebooks/labs/{script.stem}.ipynb" in LISTED


@pytest.mark.parametrize("script", CHAPTERS, ids=lambda p: p.stem)
def test_quarto_would_keep_each_chapter_and_load_nothing_for_it(script):
    text = script.read_text()
    assert text.startswith("# %% [markdown]\n")  # else it is dropped without a word
    for cell in re.split(r"(?m)^# %%.*\n", text):
        options = yaml.safe_load("\n".join(re.findall(r"(?m)^#\| ?(.*)", cell))) or {}
        if str(options.get("label", "")).startswith("fig-"):
            assert options.get("fig-alt"), cell
        if re.search(r"(?m)^\s*interact\(", cell):
            # Removing the output is too late: a widget in it already brings a CDN.
            assert options.get("eval") is False, cell
            assert "remove-cell" in options.get("tags", []), cell


def test_filters_and_themes_are_there_and_freeze_is_off():
    paths = [f["path"] for f in CONFIG["filters"]]
    themes = CONFIG["format"]["html"]["theme"]
    for path in paths + themes["light"] + themes["dark"]:
        assert (ROOT / path).is_file(), path  # a bare name would be a bootswatch theme
    for theme in ("light", "dark"):  # the last file's defaults are read first
        assert themes[theme] == ["site/rules.scss", f"site/theme-{theme}.scss"]
    assert CONFIG["execute"]["freeze"] is False
    assert CONFIG["format"]["html"]["html-math-method"] == "mathml"


def test_nothing_is_loaded_from_another_host():
    settings = {k: v for k, v in CONFIG.items() if k != "companion"}  # for notebooks
    assert not re.search("https?:", yaml.safe_dump(settings))
    for path in (ROOT / "site").glob("*.scss"):
        assert not re.search(r"https?:|@import|url\(", path.read_text()), path
    for path in FILTERS.glob("*.lua"):
        assert not re.search(r"(?i)<(script|link|img|iframe)|@import", path.read_text())
    for path in [ROOT / "index.qmd", *(ROOT / "site").glob("*.qmd")]:
        assert not re.search(r"(?i)<(script|link)|!\[.*\]\(http", path.read_text())


@pytest.mark.parametrize("page", [p for p in LISTED if p.endswith(".qmd")])
def test_internal_links_lead_to_pages_of_the_site(page):
    links = re.findall(r"\]\(([^)]+)\)", (ROOT / page).read_text())
    for link in links:
        if not link.startswith("https://"):
            target = (ROOT / page).parent / link.partition("#")[0]
            assert str(target.resolve().relative_to(ROOT)) in LISTED, link


@pytest.mark.parametrize("page", [p for p in LISTED if "site/part" in p])
def test_a_parts_page_has_a_table_and_a_figure_that_runs(page, tmp_path):
    text = (ROOT / page).read_text()
    assert len(re.findall(r"(?m)^\|:-", text)) == 1
    (cell,) = re.findall(r"(?s)```\{python\}\n(.*?)```", text)
    assert "#| fig-alt:" in cell
    code = f"import matplotlib; matplotlib.use('agg')\n{cell}\nfig.savefig('f.png')"
    subprocess.run(
        [sys.executable, "-W", "error", "-c", code], check=True, cwd=tmp_path
    )
    assert (tmp_path / "f.png").stat().st_size > 5000


# Colours


def luminance(rgb):
    s = [c / 255 for c in rgb]
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in s)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(a, b):
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


def test_the_contrast_formula_is_wcags():
    assert contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
    grey = contrast((0x77,) * 3, (255, 255, 255))  # the usual near miss
    assert grey == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_and_links_and_callouts_can_be_read(theme):
    text = (ROOT / f"site/theme-{theme}.scss").read_text()
    c = {
        name: tuple(bytes.fromhex(value))
        for name, value in re.findall(r"(?m)^\$([\w-]+): #([0-9a-f]{6});", text)
    }
    pairs = [(t, "body-bg") for t in ("body-color", "link-color", "muted", "accent")]
    pairs += [(t, "code-bg") for t in ("body-color", "code-color")]
    pairs += [(t, "co-bg") for t in c if t.startswith("co-") and t != "co-bg"]
    pairs += [(t, "co-bg") for t in ("body-color", "muted", "link-color", "accent")]
    for front, back in pairs:
        assert contrast(c[front], c[back]) >= 4.5, (front, back)
    dark = luminance(c["body-bg"]) < luminance(c["body-color"])
    assert dark == (theme == "dark")
    rules = (ROOT / "site/rules.scss").read_text()
    shade = float(re.search(r"var\(--w\) \* ([\d.]+)", rules)[1])
    mixes = zip(c["accent"], c["body-bg"], strict=True)
    full = [shade * a + (1 - shade) * b for a, b in mixes]
    assert contrast(c["body-color"], full) >= 4.5, "Fleet Stack at 100"


def test_both_themes_name_the_same_colours():
    light, dark = (
        re.findall(r"(?m)^\$[\w-]+", (ROOT / f"site/theme-{t}.scss").read_text())
        for t in ("light", "dark")
    )
    assert light == dark


def test_no_rule_hits_the_highlighters_two_letter_classes():
    rules = (ROOT / "site/rules.scss").read_text().partition("scss:rules")[2]
    rules = re.sub("//.*", "", rules)
    assert not re.findall(r"\.[a-z]{2}(?![\w-])(?=[^;]*\{)", rules)


# The whole


def test_quarto_renders_every_page_and_asks_no_other_host():
    if not shutil.which("quarto"):
        pytest.skip("quarto is not on PATH: the site was not rendered")
    missing = [p for p in LISTED if not (ROOT / p).exists()]
    assert not missing, f"{missing}: run `make notebooks` first"
    env = os.environ | {"QUARTO_PYTHON": sys.executable}
    subprocess.run(["quarto", "render", str(ROOT)], check=True, timeout=600, env=env)
    site = ROOT / CONFIG["project"]["output-dir"]
    for page in LISTED:
        out = (site / page).with_suffix(".html")
        assert out.exists(), f"{page} was dropped"
        text = out.read_text()
        tags = re.findall(r"<(?:script|img|iframe|link)\b[^>]*>", text)
        assert not [t for t in tags if re.search("(src|href)=.https?:", t)], page
        if page.startswith("chapters/"):
            for part in ("page-links", "fleet-stack", "co-takeaways", 'class="term"'):
                assert part in text, (page, part)
    for sheet in site.rglob("*.css"):
        assert not re.search(r"@import[^;]*https?:|url\(.?https?:", sheet.read_text())
    assert "<dt" in (site / "site/glossary.html").read_text()
    assert not list(site.rglob("*.py")), "a source was copied raw"
