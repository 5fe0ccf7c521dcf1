"""tidy.py URL: destroys every guest, flavour and network, and waits until the pool has given its memory back."""

import json
import sys
import time
import urllib.request
from urllib.parse import quote

URL = sys.argv[1]
SECONDS = 60


def ask(path, method="GET"):
    with urllib.request.urlopen(urllib.request.Request(URL + path, method=method), timeout=SECONDS) as answer:
        text = answer.read()
    return json.loads(text) if text else None


made = {"guests": 0, "flavours": 0, "networks": 0}
for guest in ask("/v1/guests"):
    ask(f"/v1/guests/{guest['uuid']}?wait=1", "DELETE")
    made["guests"] += 1
for flavour in ask("/v1/pool")["flavours"]:
    if flavour["origin"] == "declared":
        ask(f"/v1/pool/flavours/{flavour['id']}", "DELETE")
        made["flavours"] += 1
for network in ask("/v1/networks"):
    ask(f"/v1/networks/{quote(network['name'])}", "DELETE")
    made["networks"] += 1
print("were left, and are destroyed:", made)

end = time.monotonic() + SECONDS
while (pool := ask("/v1/pool"))["used"] or pool["returning"] or pool["flavours"]:
    if time.monotonic() > end:
        sys.exit(f"the pool does not let go: {pool}")
    time.sleep(0.2)
left = ask("/v1/guests") + ask("/v1/networks")
sys.exit(f"left: {left}" if left else 0)
