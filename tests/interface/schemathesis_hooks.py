"""What Schemathesis cannot know by itself: which ids are there, and how AWS's clients write and sign."""

import datetime
import hashlib
import hmac
import itertools
import json
import os
import re

import requests
import schemathesis
from schemathesis.core.parameters import ParameterLocation
from schemathesis.openapi.checks import MissingHeaderNotRejected

AWS_JSON = "application/x-amz-json-1.1"
ENDPOINT = os.environ.get("ENDPOINT", "127.0.0.1:9")
NUMBERS = itertools.count()

# Ids of what is there, by what ids of that kind look like.
KNOWN = [(re.compile(pattern), known) for pattern, known in json.loads(os.environ.get("KNOWN_IDS", "{}")).items()]


@schemathesis.hook
def before_call(context, case, **kwargs):
    # A key that was used with another body is refused, rightly; that is what tests/it/idempotency.rs is about.
    if case.headers and "Idempotency-Key" in case.headers and not negative(case, ParameterLocation.HEADER):
        case.headers["Idempotency-Key"] = f"{next(NUMBERS)}"
    name_what_is_there(case.path_parameters or {})
    if isinstance(case.body, dict):
        stay_on_this_machine(case.body)
        if isinstance(case.body.get("auth"), dict):
            stay_on_this_machine(case.body["auth"])


def name_what_is_there(parameters):
    """Every second well-formed id becomes that of something which is there."""
    for name, value in parameters.items():
        for pattern, known in KNOWN:
            if isinstance(value, str) and pattern.fullmatch(value) and next(NUMBERS) % 2:
                parameters[name] = known


def stay_on_this_machine(settings):
    """What the gateway is told to call is here."""
    for name in ["url", "token_url"]:
        if isinstance(settings.get(name), str):
            settings[name] = re.sub("^https?://[^/?#]*", f"http://{ENDPOINT}", settings[name])


@schemathesis.hook
def filter_failure(context, failure, case, response):
    # Without the bearer token that is asked for, there is still a key of another kind: 403, not 401.
    other = any(name.lower() == "x-api-key" for name in response.request.headers)
    return not (isinstance(failure, MissingHeaderNotRejected) and other and response.status_code == 403)


def negative(case, location):
    return case.meta is not None and case.meta.is_negative_at(location)


@schemathesis.serializer(AWS_JSON)
def serialize(ctx, value):
    return value if isinstance(value, bytes) else json.dumps(value).encode()


@schemathesis.deserializer(AWS_JSON)
def deserialize(ctx, response):
    return json.loads(response.content)


class SignatureV4(requests.auth.AuthBase):
    """Signature Version 4 of a call without a query, for the service `events`."""

    def __init__(self, secret):
        self.secret = secret

    def __call__(self, request):
        moment = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        scope = f"{moment[:8]}/us-east-1/events/aws4_request"
        host = request.url.split("/")[2]
        body = request.body or b""
        digest = hashlib.sha256(body if isinstance(body, bytes) else body.encode()).hexdigest()
        canonical = f"POST\n/\n\nhost:{host}\nx-amz-date:{moment}\n\nhost;x-amz-date\n{digest}"
        text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key = f"AWS4{self.secret}".encode()
        for part in [*scope.split("/"), text]:
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        request.headers["x-amz-date"] = moment
        request.headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential=marketplace/{scope}, SignedHeaders=host;x-amz-date, Signature={key.hex()}"
        )
        return request


if "EVENTS_SECRET" in os.environ:
    schemathesis.auth.set_from_requests(SignatureV4(os.environ["EVENTS_SECRET"])).apply_to(path="/", method="POST")
