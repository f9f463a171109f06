"""The official SDK, knowing nothing of the emulator, can work with it."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException
from huaweicloudsdkdds import v3 as dds

from offpeakd.adapters.clock import SystemClock
from offpeakd.emulator import ORDINARY, Emulator, EmulatorSettings, Faults, Rule

SETTINGS = EmulatorSettings(
    instances=120, mix=ORDINARY, job_visible_after=timedelta(0), job_duration=timedelta(hours=1)
)


@pytest.fixture
def cloud() -> Iterator[Emulator]:
    with Emulator(SETTINGS, SystemClock()) as emulator:
        yield emulator


def client_of(cloud: Emulator, secret_key: str = SETTINGS.secret_key) -> Any:
    keys = BasicCredentials(SETTINGS.access_key, secret_key, SETTINGS.project_id)
    return dds.DdsClient.new_builder().with_credentials(keys).with_endpoint(cloud.url).build()


def upgrade(client: Any, ids: list[str]) -> Any:
    body = dds.BatchUpgradeDatabaseVersionRequestBody(instance_ids=ids)
    request = dds.BatchUpgradeDatabaseVersionRequest(body=body)
    return client.batch_upgrade_database_version(request)


def test_it_lists_every_instance_page_by_page(cloud: Emulator) -> None:
    client = client_of(cloud)

    pages = [
        client.list_instances(dds.ListInstancesRequest(offset=offset, limit=50)).instances
        for offset in (0, 50, 100)
    ]

    assert [len(page) for page in pages] == [50, 50, 20]
    assert [one.id for page in pages for one in page] == list(cloud.world.instances)
    assert pages[0][0].datastore.patch_available


def test_it_filters_by_name_mode_and_tags(cloud: Emulator) -> None:
    request = dds.ListInstancesRequest(name="*prod", mode="ReplicaSet", tags="env=prod,team=shop")

    found = client_of(cloud).list_instances(request).instances

    assert {one.id for one in found} == {
        one.id
        for one in cloud.world.instances.values()
        if one.mode == "ReplicaSet" and one.tags == (("env", "prod"), ("team", "shop"))
    }
    assert found


def test_it_starts_ten_upgrades_and_follows_a_job(cloud: Emulator) -> None:
    client, ids = client_of(cloud), list(cloud.world.instances)[:10]

    answer = upgrade(client, ids)

    assert answer.status_code == 202
    assert [result.instance_id for result in answer.upgrade_results] == ids
    first = answer.upgrade_results[0]
    job = client.show_job_detail(dds.ShowJobDetailRequest(id=first.job_id)).job
    assert (job.status, job.instance.id) == ("Running", ids[0])
    request = dds.ListInstancesRequest(id=ids[0])
    busy = client.list_instances(request).instances[0]
    assert busy.actions == ["UPGRADE_DATABASE"]
    assert busy.groups[0].nodes[0].status == "upgrade_database"


def test_it_lists_the_jobs_of_an_hour(cloud: Emulator) -> None:
    client, ids = client_of(cloud), list(cloud.world.instances)[:3]
    upgrade(client, ids)
    now = SystemClock().now()
    request = dds.ListTasksRequest(
        start_time=(now - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S%z"),
        end_time=(now + timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%S%z"),
        name="UpgradeDatabaseVersion",
    )

    jobs = client.list_tasks(request).jobs

    assert [job.instance_id for job in jobs] == list(reversed(ids))
    assert {job.id for job in jobs} == {job.id for job in cloud.world.jobs}


def test_it_upgrades_one_instance_with_options(cloud: Emulator) -> None:
    instance_id = next(iter(cloud.world.instances))
    body = dds.UpgradeDatabaseVersionRequestBody(
        upgrade_mode="minimized_interrupt_time", is_delayed=False
    )
    request = dds.UpgradeDatabaseVersionRequest(instance_id=instance_id, body=body)

    answer = client_of(cloud).upgrade_database_version(request)

    assert cloud.world.jobs[0].id == answer.job_id


def test_it_asks_for_the_duration_and_sets_the_clouds_own_window(cloud: Emulator) -> None:
    client, instance_id = client_of(cloud), next(iter(cloud.world.instances))

    request = dds.ShowUpgradeDurationRequest(instance_id=instance_id)
    strategies = client.show_upgrade_duration(request).strategies
    body = dds.OpsWindowRequestBody(start_time="14:00", end_time="18:00")
    client.change_ops_window(dds.ChangeOpsWindowRequest(instance_id=instance_id, body=body))

    assert {one.strategy: one.estimated_upgrade_duration for one in strategies} == {
        "minimized_interrupt_time": 120,
        "minimized_upgrade_time": 60,
    }
    assert cloud.world.instances[instance_id].maintenance_window == "14:00-18:00"


def test_a_wrong_key_is_told_apart_from_everything_else(cloud: Emulator) -> None:
    client = client_of(cloud, secret_key="wrong")

    with pytest.raises(ClientRequestException) as caught:
        client.list_instances(dds.ListInstancesRequest())

    assert (caught.value.status_code, caught.value.error_code) == (401, "APIGW.0301")


def test_eleven_ids_are_refused_as_a_whole(cloud: Emulator) -> None:
    with pytest.raises(ClientRequestException) as caught:
        upgrade(client_of(cloud), list(cloud.world.instances)[:11])

    assert (caught.value.status_code, caught.value.error_code) == (400, "DBS.280001")
    assert caught.value.request_id == cloud.world.calls[0].request_id
    assert not cloud.world.starts


def test_throttling_reads_as_throttling(cloud: Emulator) -> None:
    cloud.use_faults(Faults((Rule(do="throttle", times=1),)))
    client, ids = client_of(cloud), list(cloud.world.instances)[:1]

    with pytest.raises(ClientRequestException) as caught:
        upgrade(client, ids)
    again = upgrade(client, ids)

    assert (caught.value.status_code, caught.value.error_code) == (429, "APIGW.0308")
    assert again.upgrade_results[0].job_id


def test_a_busy_instance_is_refused_in_its_own_line(cloud: Emulator) -> None:
    client, (busy, free) = client_of(cloud), list(cloud.world.instances)[:2]
    upgrade(client, [busy])

    results = upgrade(client, [free, busy]).upgrade_results

    assert results[0].job_id
    assert (results[1].job_id, results[1].error_code) == (None, "DBS.200011")
    assert json.loads(cloud.world.calls[1].answer)["upgrade_results"][1]["error_message"]
