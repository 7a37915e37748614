"""c8y_api: devices, external IDs, the tenant and the user around the events."""

from io import BytesIO

from c8y_api._base_api import AccessDeniedError, UnauthorizedError
from c8y_api.model import Device, Event, ExternalId, ManagedObject
from c8y_api_common import C8Y, MISSING, TIME, connect, ids, new_source
from checks import check, equal, raises


def device(name=None, type="c8y_Pump", **fragments):  # noqa: A002
    return Device(C8Y, name=name or f"pump {new_source()}", type=type, **fragments).create()


@check
def a_device_is_created_and_read():
    made = device(name="pump 1", c8y_Hardware={"serialNumber": "47-1"})
    assert made.id.isdecimal()
    read = C8Y.device_inventory.get(made.id)
    equal((read.name, read.type, read.c8y_Hardware.serialNumber), ("pump 1", "c8y_Pump", "47-1"))
    assert read.is_device
    equal(read.creation_time, made.creation_time)
    equal(C8Y.inventory.get(made.id).name, "pump 1")


@check
def a_device_is_changed():
    made = device(c8y_Hardware={"serialNumber": "47-1", "model": "A"})
    made.name = "renamed"
    made.c8y_Hardware.model = "B"
    changed = made.update()
    equal((changed.name, changed.type), ("renamed", "c8y_Pump"))
    equal(changed.fragments["c8y_Hardware"], {"serialNumber": "47-1", "model": "B"})
    C8Y.inventory.apply_to({"c8y_Hardware": None}, made.id)
    read = made.reload()
    assert "c8y_Hardware" not in read and "c8y_IsDevice" in read


@check
def a_device_is_deleted_and_its_events_stay():
    made = device()
    event = Event(C8Y, type="c8y_Test", time=TIME, source=made.id, text="kept").create()
    event.create_attachment(BytesIO(b"kept"))
    made.delete()
    raises(KeyError, C8Y.inventory.get, made.id)
    raises(KeyError, made.delete)
    equal(ids(source=made.id), [event.id])
    equal(event.download_attachment(), b"kept")


@check
def several_objects_are_created_in_one_call_and_listed_by_type():
    C8Y.inventory.create(*(ManagedObject(type="c8y_OneType", name=name) for name in "abc"))
    for size in (1, 2, 1000):
        found = C8Y.inventory.get_all(type="c8y_OneType", page_size=size)
        equal(sorted(each.name for each in found), ["a", "b", "c"])
    equal(C8Y.inventory.get_count(type="c8y_OneType"), 3)


@check
def objects_are_listed_by_fragment_and_by_their_ids():
    one, other = device(c8y_OneFragment={}), device()
    equal([each.id for each in C8Y.inventory.select(fragment="c8y_OneFragment")], [one.id])
    found = {each.id for each in C8Y.inventory.select(ids=[one.id, other.id, MISSING])}
    equal(found, {one.id, other.id})


@check
def devices_are_found_by_their_name():
    made = device(name="O'Brien's pump", type="c8y_Odd")
    ManagedObject(C8Y, name="O'Brien's pump", type="c8y_NoDevice").create()
    equal([each.id for each in C8Y.device_inventory.select(name="O'Brien's pump")], [made.id])
    equal(C8Y.device_inventory.get_count(name="O'Brien's pump"), 1)
    equal([each.id for each in C8Y.device_inventory.select(type="c8y_Odd")], [made.id])
    equal(len(C8Y.inventory.get_all(name="O'Brien's pump")), 2)


@check
def an_external_id_is_added_found_and_removed():
    made = device()
    C8Y.identity.create("serial 1/2", "c8y_Serial", made.id)
    equal(C8Y.identity.get_all(made.id)[0].external_id, "serial 1/2")
    equal(C8Y.identity.get_id("serial 1/2", "c8y_Serial"), made.id)  # the client does not encode it
    serial = ExternalId(C8Y, "sn-47", "c8y_Serial", made.id).create()
    equal(C8Y.identity.get_id("sn-47", "c8y_Serial"), made.id)
    read = C8Y.identity.get("sn-47", "c8y_Serial")
    # The client keeps the type that it reads under another name than the one that it was given.
    equal((read.external_id, read.type, read.managed_object_id), ("sn-47", "c8y_Serial", made.id))
    equal(serial.get_object().name, made.name)
    equal({each.external_id for each in C8Y.identity.get_all(made.id)}, {"serial 1/2", "sn-47"})
    serial.delete()
    raises(KeyError, C8Y.identity.get, "sn-47", "c8y_Serial")
    raises(KeyError, C8Y.identity.delete, "sn-47", "c8y_Serial")


@check
def an_external_id_that_is_taken_is_a_value_error():
    one, other = device(), device()
    C8Y.identity.create("taken", "c8y_Serial", one.id)
    assert "Status: 409" in str(raises(ValueError, C8Y.identity.create, "taken", "c8y_Serial", other.id))
    C8Y.identity.create("taken", "c8y_OtherType", other.id)
    equal(C8Y.identity.get_id("taken", "c8y_Serial"), one.id)


@check
def the_external_ids_of_a_deleted_device_go_with_it():
    made = device()
    C8Y.identity.create("goes", "c8y_Serial", made.id)
    made.delete()
    raises(KeyError, C8Y.identity.get_id, "goes", "c8y_Serial")
    raises(KeyError, C8Y.identity.get_object, "goes", "c8y_Serial")
    C8Y.identity.create("goes", "c8y_Serial", device().id)


@check
def what_is_not_there_is_a_key_error_around_too():
    raises(KeyError, C8Y.inventory.get, MISSING)
    raises(KeyError, C8Y.inventory.apply_to, {"name": "x"}, MISSING)
    raises(KeyError, C8Y.identity.get, "nobody", "c8y_Serial")
    raises(KeyError, C8Y.identity.create, "x", "c8y_Serial", MISSING)


@check
def the_tenant_and_the_user_tell_who_they_are():
    C8Y.tenants.get_current()  # raises where it is not there; nothing that the client reads of it is a tenant's own
    assert C8Y.get("/tenant/currentTenant")["domainName"]
    user = C8Y.users.get_current()
    equal(user.username, "ann")
    equal(user.effective_permission_ids, {"ROLE_EVENT_READ", "ROLE_EVENT_ADMIN"})
    equal(connect("reader").users.get_current().effective_permission_ids, {"ROLE_EVENT_READ"})
    raises(UnauthorizedError, connect(password="wrong").tenants.get_current)
    raises(UnauthorizedError, connect(password="wrong").users.get_current)


@check
def an_account_that_only_reads_is_denied_changes_around_too():
    made, reader = device(), connect("reader")
    equal(reader.inventory.get(made.id).name, made.name)
    raises(AccessDeniedError, Device(reader, name="x", type="x").create)
    raises(AccessDeniedError, reader.identity.create, "x", "c8y_Serial", made.id)
    raises(AccessDeniedError, reader.inventory.delete, made.id)
