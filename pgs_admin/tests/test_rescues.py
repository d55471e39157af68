"""What became of who lost a seat: the list of rescues, and a story with two payments."""

import pytest
from django.urls import reverse

from pgs_admin.tests.making import sign_in
from pgs_task.rescue.tests.making import make_rescues_due, settle
from pgs_task.rescue.tests.surcharges import make_asked, make_offer, pay_surcharge

pytestmark = [pytest.mark.django_db(databases="__all__", transaction=True), pytest.mark.slow]


def test_wish_and_outcome_are_shown_and_both_payments():
    activity = make_offer()
    bought = make_asked(activity)
    lapsed = make_asked(activity, member_id=251)
    payment = pay_surcharge(bought)
    make_rescues_due(overdue=True)
    settle()
    client = sign_in("viewer")
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    page = reverse("admin:rescue_rescue_changelist")
    listed = client.get(page).content.decode()
    for part in (str(bought.pk), str(lapsed.pk), "alone", "unpaid", "DONE", "REFUSED", "4.00"):
        assert part in listed, part
    found = client.get(f"{page}?q={bought.pk}").content.decode()
    assert str(bought.pk) in found
    assert str(lapsed.pk) not in found
    assert str(lapsed.pk) in client.get(f"{page}?state=REFUSED").content.decode()
    story = client.get(reverse("back_office:story", args=[bought.pk])).content.decode()
    for part in (str(payment.pk), "surcharge", "14.00", "10.00"):
        assert part in story, part
