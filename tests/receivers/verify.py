"""What a third party in Python makes of messages, with the official library of Standard Webhooks.

Reads a JSON list of {"secret", "headers", "body"} and writes a list with null for each that is genuine, and what is
wrong with it for each that is not.
"""

import json
import sys

from standardwebhooks import Webhook, WebhookVerificationError


def verdict(case):
    try:
        Webhook(case["secret"]).verify(case["body"], case["headers"])
    except WebhookVerificationError as error:
        return str(error)
    return None


json.dump([verdict(case) for case in json.load(sys.stdin)], sys.stdout)
