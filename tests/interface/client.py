"""A whole flow with the client that is generated from the gateway's description, and nothing else.

Called with the gateway's address and the operator's token; the client is on PYTHONPATH. A third party joins and polls, a
user asks for something, the party answers, and the user sees it. Writes what the user sees in the end.
"""

import json
import sys

from marketplace_client import AuthenticatedClient, Client
from marketplace_client.api.inbox import acknowledge_offers, lease_offers
from marketplace_client.api.operators import create_third_party
from marketplace_client.api.people import register_user, sign_in
from marketplace_client.api.requests import create_request, list_requests, read_request
from marketplace_client.api.third_parties import answer_delivery, read_me, set_delivery, set_filter
from marketplace_client.models import (
    Answer,
    AnswerStatus,
    Credentials,
    DeliveryIds,
    Filter,
    LeaseTerms,
    NewItem,
    NewParty,
    NewRequest,
    Pattern,
    PollInput,
    Problem,
    Registration,
)

address, operator_token = sys.argv[1:]


def good(answer):
    """What was answered, which is no refusal and nothing that the client does not know."""
    assert answer is not None and not isinstance(answer, Problem), answer
    return answer


# A third party joins, says what it wants to see, and that it will poll.
operator = AuthenticatedClient(address, operator_token)
party = NewParty(id="books", name="Books and more", contact_email="dev@books.example")
key = good(create_third_party.sync(client=operator, body=party)).api_key
books = AuthenticatedClient(address, key, prefix="", auth_header_name="x-api-key")
wishes = Pattern.from_dict({"detail": {"category": ["books"], "amount": [{"numeric": ["<", 1000]}]}})
good(set_filter.sync(client=books, body=Filter(wishes)))
good(set_delivery.sync(client=books, body=PollInput.from_dict({"mode": "poll"})))
me = good(read_me.sync(client=books))
assert (me.id, me.filter_) == ("books", wishes), me

# A user asks for something.
anyone = Client(address)
email, password = "ann@example.com", "correct horse battery"
good(register_user.sync(client=anyone, body=Registration(email=email, password=password)))
token = good(sign_in.sync(client=anyone, body=Credentials(email=email, password=password))).access_token
ann = AuthenticatedClient(address, token)
wish = NewRequest(category="books", amount=120, items=[NewItem(name="Dune", quantity=2)])
request = good(create_request.sync(client=ann, body=wish)).id

# The third party finds the offer in its inbox, and answers it.
offers = []
while not offers:
    offers = good(lease_offers.sync(client=books, body=LeaseTerms(wait_seconds=5))).offers
[offer] = offers
assert offer.message.data.request.id == request, offer
results = good(acknowledge_offers.sync(client=books, body=DeliveryIds([offer.delivery_id]))).results
assert [result.result for result in results] == ["acknowledged"], results
for status in [AnswerStatus.ACCEPTED, AnswerStatus.COMPLETED]:
    good(answer_delivery.sync(offer.delivery_id, client=books, body=Answer(status)))
late = answer_delivery.sync(offer.delivery_id, client=books, body=Answer(AnswerStatus.DECLINED))
assert isinstance(late, Problem) and late.current_status == "completed", late

# The user sees it.
assert [summary.id for summary in good(list_requests.sync(client=ann)).items] == [request]
json.dump(good(read_request.sync(request, client=ann)).to_dict(), sys.stdout)
