"""Reads through a gateway with each Python client, as each can authenticate; prints one JSON object a line: client, auth, what it got.

Run by python.test.ts, which decides what should have come of it. Input on standard input: origin, id, secret, list (path), projectId.
"""

import asyncio
import json
import sys

import aiohttp
import httpx
import requests
from pyatlassdk import AtlasAdminClient
from requests.auth import HTTPDigestAuth

given = json.load(sys.stdin)
origin, key_id, secret = given["origin"], given["id"], given["secret"]
url = origin + given["list"]
headers = {"Accept": "application/vnd.atlas.2023-02-01+json"}
bearer = {**headers, "Authorization": f"Bearer {key_id}_{secret}"}
token_url = f"{origin}/api/oauth/token"
grant = {"grant_type": "client_credentials"}


def tell(client, auth, count):
    print(json.dumps({"client": client, "auth": auth, "count": count}), flush=True)


def with_requests():
    tell("requests", "bearer", requests.get(url, headers=bearer).json()["totalCount"])
    session = requests.Session()
    session.auth = HTTPDigestAuth(key_id, secret)
    for _ in range(2):
        tell("requests", "digest", session.get(url, headers=headers).json()["totalCount"])
    token = requests.post(token_url, data=grant, auth=(key_id, secret)).json()["access_token"]
    own = {**headers, "Authorization": f"Bearer {token}"}
    tell("requests", "OAuth", requests.get(url, headers=own).json()["totalCount"])


def with_httpx():
    tell("httpx", "bearer", httpx.get(url, headers=bearer).json()["totalCount"])
    with httpx.Client(auth=httpx.DigestAuth(key_id, secret)) as client:
        for _ in range(2):
            tell("httpx", "digest", client.get(url, headers=headers).json()["totalCount"])
    token = httpx.post(token_url, data=grant, auth=(key_id, secret)).json()["access_token"]
    own = {**headers, "Authorization": f"Bearer {token}"}
    tell("httpx", "OAuth", httpx.get(url, headers=own).json()["totalCount"])


async def with_aiohttp():
    async with aiohttp.ClientSession() as session:
        async with session.get(url, headers=bearer) as response:
            tell("aiohttp", "bearer", (await response.json(content_type=None))["totalCount"])
        basic = {"Authorization": aiohttp.encode_basic_auth(key_id, secret)}
        async with session.post(token_url, data=grant, headers=basic) as response:
            token = (await response.json())["access_token"]
        own = {**headers, "Authorization": f"Bearer {token}"}
        async with session.get(url, headers=own) as response:
            tell("aiohttp", "OAuth", (await response.json(content_type=None))["totalCount"])
    async with aiohttp.ClientSession(middlewares=(aiohttp.DigestAuthMiddleware(key_id, secret),)) as session:
        for _ in range(2):
            async with session.get(url, headers=headers) as response:
                tell("aiohttp", "digest", (await response.json(content_type=None))["totalCount"])


def with_pyatlassdk():
    base_url = f"{origin}/api/atlas/v2"
    with AtlasAdminClient(public_key=key_id, private_key=secret, base_url=base_url) as client:
        tell("pyatlassdk", "digest", read_project(client))
    with AtlasAdminClient(
        client_id=key_id, client_secret=secret, base_url=base_url, oauth_token_url=token_url
    ) as client:
        tell("pyatlassdk", "OAuth", read_project(client))


def read_project(client):
    return client.streams.list_group_stream_private_link_connections(group_id=given["projectId"]).total_count


with_requests()
with_httpx()
asyncio.run(with_aiohttp())
with_pyatlassdk()
