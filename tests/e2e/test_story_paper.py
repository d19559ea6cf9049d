"""Every form that the city publishes, on paper in its own layout: all that was filled stands on it, and it can be checked."""

import time
from io import BytesIO

import pytest
from pypdf import PdfReader

from gateway.curation import SHIPPED
from gateway.submissions.paper_check import check_paper

FORMS = sorted(path.stem for path in SHIPPED["forms"].glob("*.yaml"))


def printed(hall, resolution):
    """The PDF, once its entries have their places in the log."""
    give_up_at = time.monotonic() + 20
    while True:
        answer = hall.get(f"/v1/resolutions/{resolution}/form.pdf")
        if answer.status_code != 503 or time.monotonic() > give_up_at:
            assert answer.status_code == 200, answer.text
            return answer.content
        time.sleep(0.1)


def seen(text):
    return "".join(text.split()).replace("\u200b", "")


@pytest.mark.parametrize("form_id", FORMS)
def test_a_published_form_prints_as_paper_that_holds(hall, casts, form_id):
    """Its values are those that the receipt vouches for; each page has its number, the code and the receipt's number."""
    form, cast = hall.form(form_id), casts(form_id)[0]
    answer = hall.resolve(form, cast, hall.agree_all(form, cast).values())

    pdf = printed(hall, answer["id"])

    found = check_paper(pdf)
    filled = [each for each in answer["fields"].values() if each["value"] is not None]
    assert found.faults == ()
    assert found.notes[0] == f"{len(filled)} printed values are those that the receipt vouches for."
    pages = [seen(page.extract_text()) for page in PdfReader(BytesIO(pdf)).pages]
    number = found.record["number"]
    for place, page in enumerate(pages, 1):
        assert f"第{place}页共{len(pages)}页" in page
        assert number in page
    whole = "".join(pages)
    in_boxes = {"男性": "男", "女性": "女"}
    for each in filled:
        shown = seen(each["display"])
        assert shown in whole or in_boxes.get(shown, shown) in whole


def test_a_masked_form_is_masked_on_paper_too(hall, casts):
    """In its own layout as well: no number in clear, in no cell and in no file inside."""
    form, cast = hall.form("residence-permit"), casts("residence-permit")[0]
    answer = hall.resolve(form, cast, hall.agree_all(form, cast).values(), delivery="masked")

    pdf = printed(hall, answer["id"])

    reader = PdfReader(BytesIO(pdf))
    everything = seen("".join(page.extract_text() for page in reader.pages)).encode()
    everything += b"".join(content for files in reader.attachments.values() for content in files)
    assert cast["applicant"]["id_no"].encode() not in everything
    assert check_paper(pdf).faults == ()
