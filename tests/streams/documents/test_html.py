"""HTML becomes what a reader of the page sees; nothing that runs, or is hidden, or is layout only."""

from hypothesis import given
from hypothesis import strategies as st

from streams.documents.html import read_html


def test_blocks_are_paragraphs_and_inline_elements_are_not() -> None:
    page = read_html("<body>Before<div><p>Open <b>dai</b>ly\n from   9.</p>after</div><ul><li>One<li>Two</ul>x<br>y")
    assert page.text == "Before\n\nOpen daily from 9.\n\nafter\n\nOne\nTwo\n\nx\ny"


def test_headings_are_kept_with_their_places_and_levels() -> None:
    page = read_html("<title> Help  desk </title><h1>Help</h1><p>Hello.<h3>Fees <i>now</i></h3>None.")
    assert page.title == "Help desk"
    assert [(each.level, each.text, page.text[each.start : each.end]) for each in page.outline] == [
        (1, "Help", "Help"),
        (3, "Fees now", "Fees now"),
    ]
    assert read_html("<h2>Only this</h2>").title == "Only this"


def test_a_table_is_a_line_a_row() -> None:
    page = read_html("<table><tr><th>Plan<th>Price</tr><tr><td>Gold</td><td><b>3</b> euros</td></tr></table>")
    assert page.text == "Plan | Price\nGold | 3 euros"


def test_scripts_styles_hidden_and_menus_are_not_read() -> None:
    page = read_html(
        "<head><style>p{}</style></head><body onload='evil()'><nav>Menu</nav><script>evil('</p>')</script>"
        "<p hidden>secret<p>Seen<noscript>turn it on</noscript><template>later</template><!-- no -->"
        "<iframe src='file:///etc/passwd'>no</iframe><svg><text>no</text></svg><a href='javascript:evil()'>link</a>"
    )
    assert page.text == "Seenlink"


def test_what_is_escaped_stays_text() -> None:
    assert (
        read_html("<p>&lt;script&gt;evil()&lt;/script&gt; &amp; &eacute;&nbsp;!").text
        == "<script>evil()</script> & é !"
    )


def test_a_page_that_is_very_deep_or_not_html_at_all_is_read() -> None:
    assert read_html("<div>" * 4_000 + "deep").text == "deep"
    assert read_html("no tags < here").text == "no tags < here"
    assert read_html("").text == ""


@given(st.text(st.sampled_from("<>/hp1 abtdr\ue000\ue001\ue002&;#x'\"=!-\n"), max_size=200))
def test_any_text_is_a_page_whose_headings_lie_in_it(source: str) -> None:
    page = read_html(source)
    assert all(" ".join(page.text[each.start : each.end].split()) == each.text for each in page.outline)
    assert not set("\ue000\ue001\ue002") & set(page.text)
