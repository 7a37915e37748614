"""The REST client of c8ydm, the device agent, against a running server.

Its module is loaded from the installed package as the file that it is, without the rest of the agent, which needs
a message broker and the hardware of a device. The form that it uploads is that of its own log handler
(agentmodules/logfile_handler.py): no boundary in the Content-Type, and an `object` that is no JSON.
"""

import importlib.util
import json
from datetime import UTC, datetime, timedelta
from importlib.metadata import distribution
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import requests
from checks import EVERY_BYTE, SCRATCH, SETTING, check, equal

URL = SETTING["url"]
MISSING = "102522209"  # the ID of no event
SOURCE = "4711"


def load():
    path = distribution("c8ydm").locate_file("c8ydm/client/rest_client.py")
    spec = importlib.util.spec_from_file_location("rest_client", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.RestClient


RestClient = load()


def connect(user="ann", password=None, url=URL, token=None):
    credentials = ["t100", user, password or SETTING[user]]
    configuration = SimpleNamespace(getCredentials=lambda: credentials)
    return RestClient(
        SimpleNamespace(
            serial="a serial", configuration=configuration, path=SCRATCH / "agent", url=url, token=token
        )
    )


CLIENT = connect()


def form(data, name="syslog_dev1"):
    description = '{ "name": ' + name + ", type: text/plain }"
    return {"object": (None, description), "file": (name, BytesIO(data), "text/plain")}


def read(path, user="ann"):
    """Read what the agent itself never reads."""
    answer = requests.get(URL + path, auth=(user, SETTING[user]), headers={"Accept": "application/json"})
    equal(answer.status_code, 200)
    return answer.json()


def create(path, document):
    """Create what somebody else creates before the agent comes."""
    answer = requests.post(
        URL + path, json=document, auth=("ann", SETTING["ann"]), headers={"Accept": "application/json"}
    )
    equal(answer.status_code, 201)
    return answer.json()


def event_of(url):
    """Return the event whose attachment has this address."""
    head, _, tail = url.rpartition("/")
    equal(tail, "binaries")
    return read(head.removeprefix(URL))


@check
def a_device_is_found_by_its_serial_number():
    equal(CLIENT.get_internal_id("a serial of nobody"), None)
    made = create("/inventory/managedObjects", {"name": "a device", "c8y_IsDevice": {}})
    create(f"/identity/globalIds/{made['id']}/externalIds", {"type": "c8y_Serial", "externalId": "47-1"})
    equal(CLIENT.get_internal_id("47-1"), made["id"])
    equal(connect(password="wrong").get_internal_id("47-1"), None)


@check
def a_device_is_updated():
    made = create("/inventory/managedObjects", {"name": "a device", "c8y_IsDevice": {}})
    payload = '{"c8y_Agent": {"name": "c8ydm", "version": "1.3.7"}}'
    equal(CLIENT.update_managed_object(made["id"], payload), True)
    read_back = read(f"/inventory/managedObjects/{made['id']}")
    equal((read_back["name"], read_back["c8y_Agent"]["version"]), ("a device", "1.3.7"))
    equal(CLIENT.update_managed_object(MISSING, payload), False)


@check
def a_template_is_created_with_its_external_id():
    template = json.dumps({"name": "template", "type": "c8y_SmartRest2Template", "com_cumulocity": {}})
    equal(CLIENT.check_SmartRest_template_exists("a template"), False)
    equal(CLIENT.create_SmartRest_template(template, "a template"), True)
    equal(CLIENT.check_SmartRest_template_exists("a template"), True)


@check
def an_event_for_a_log_file_is_created():
    event = read(f"/event/events/{CLIENT.create_logfile_event(SOURCE)}")
    equal((event["type"], event["text"]), ("c8y_LogfileRequest", "LogFile Request Event"))
    equal(event["source"]["id"], SOURCE)
    age = datetime.now(UTC) - datetime.fromisoformat(event["time"])
    assert timedelta(seconds=-1) <= age < timedelta(minutes=1), age


@check
def an_event_for_a_configuration_is_created():
    event = read(f"/event/events/{CLIENT.create_configfile_event(SOURCE, 'agent-config', '/etc/agent.ini')}")
    equal((event["type"], event["text"]), ("agent-config", "/etc/agent.ini"))
    equal(event["description"], "Config File Snapshot Request Event")


@check
def a_log_file_is_attached_by_a_form_without_boundary():
    url = CLIENT.upload_event_logfile(SOURCE, form(b"line\n" * 1000))
    event = event_of(url)
    equal(event["type"], "c8y_LogfileRequest")
    equal(event["c8y_IsBinary"], {"type": "text/plain", "name": "syslog_dev1", "length": 5000})


@check
def a_configuration_is_attached_byte_for_byte():
    url = CLIENT.upload_event_configfile(
        SOURCE, form(EVERY_BYTE, "agent.ini"), "agent-config", "/etc/agent.ini"
    )
    event = event_of(url)
    equal((event["type"], event["text"]), ("agent-config", "/etc/agent.ini"))
    equal(event["c8y_IsBinary"]["name"], "agent.ini")
    equal(Path(CLIENT.download_c8y_binary(url)).read_bytes(), EVERY_BYTE)


@check
def the_file_alone_is_attached():
    url = CLIENT.upload_event_logfile(SOURCE, {"file": form(b"alone")["file"]})
    equal(Path(CLIENT.download_c8y_binary(url)).read_bytes(), b"alone")


@check
def a_download_has_the_name_of_the_upload():
    for name in ("syslog_dev1", "with a space.log", "two; words.log", "größe.log"):
        url = CLIENT.upload_event_logfile(SOURCE, form(b"named", name))
        equal(event_of(url)["c8y_IsBinary"]["name"], name)
        path = Path(CLIENT.download_c8y_binary(url))
        equal(path.read_bytes(), b"named")
        if name.isascii():
            equal(path.name, name)
        else:
            # Its expression reads the name that is spelt in ASCII, and not what stands before it.
            assert path.name.isascii() and path.suffix == ".log", path.name


@check
def a_token_that_nobody_gave_is_refused():
    equal(connect(token="a.b.c").create_logfile_event(SOURCE), None)
    client = connect()
    client.update_token("a.b.c")
    equal(client.upload_event_logfile(SOURCE, form(b"x")), None)


@check
def a_wrong_password_creates_nothing():
    client = connect(password="wrong")
    equal(client.create_logfile_event(SOURCE), None)
    equal(client.upload_event_logfile(SOURCE, form(b"x")), None)


@check
def an_account_that_only_reads_uploads_nothing_but_downloads():
    url = CLIENT.upload_event_logfile(SOURCE, form(b"read me"))
    reader = connect("reader")
    equal(reader.create_logfile_event(SOURCE), None)
    equal(reader.upload_event_configfile(SOURCE, form(b"x"), "agent-config", "/etc"), None)
    equal(Path(reader.download_c8y_binary(url)).read_bytes(), b"read me")


@check
def an_attachment_that_is_not_there_is_none():
    bare = CLIENT.create_logfile_event(SOURCE)
    for event_id in (bare, MISSING):
        equal(CLIENT.download_c8y_binary(f"{URL}/event/events/{event_id}/binaries"), None)
