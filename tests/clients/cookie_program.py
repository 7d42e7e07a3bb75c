"""What the documentation of Scout 3 shows to do with `requests` alone: one set of cookies from the first answer, used
for the login and for everything after it. Source: scout-api.md §1.2.
"""

import json
import sys

import requests

base, username, password, verify = sys.argv[1:]
first = requests.get(base, verify=verify)
cookies = first.cookies.get_dict()
headers = {"x-csrf-token": cookies["x-csrf-token"]}
credentials = {"username": username, "password": password}
login = requests.post(f"{base}/api/v0/login", data=credentials, headers=headers, cookies=cookies, verify=verify)
runs = requests.get(f"{base}/api/v0/runs/", params={"limit": 3}, cookies=cookies, verify=verify)
print(json.dumps({"first": first.status_code, "user": login.json()["username"], "runs": runs.json()["resources"]}))
