# SPDX-License-Identifier: Apache-2.0
"""Quotas of users other than root, and the limit of all clients."""

from unittest import mock

from nova_pyvirt.daemon import server
from nova_pyvirt.daemon.session import Peer
from tests.unit.daemon.base import DaemonCase


class QuotaTest(DaemonCase):
    settings_ = {"max_anonymous_clients": 5, "max_clients": 12}

    def setUp(self) -> None:
        super().setUp()
        patch = mock.patch.object(server, "_own", lambda peer: False)
        patch.start()
        self.addCleanup(patch.stop)

    def test_the_oldest_stranger_makes_room(self) -> None:
        strangers = [self.raw(self.ro) for _ in range(8)]
        self.assertIsNone(strangers[0].recv())
        self.eventually(lambda: len(self.server.sessions()) == 5, "strangers stay")
        self.assertIsNotNone(strangers[-1].call("auth_list"))
        self.assertEqual("vm", self.table().connect_get_hostname())

    def test_open_connections_do_not_count(self) -> None:
        tables = [self.table() for _ in range(8)]
        for table in tables:
            self.assertEqual("vm", table.connect_get_hostname())

    def test_all_clients_together(self) -> None:
        for _ in range(12):
            self.table()
        self.assertIsNone(self.raw().recv())

    def test_root_still_gets_in(self) -> None:
        for _ in range(12):
            self.table()
        with mock.patch.object(server, "_own", lambda peer: True):
            self.assertEqual("vm", self.table().connect_get_hostname())

    def test_who_shares_a_quota(self) -> None:
        self.assertEqual("uid 5", Peer(5, 5, 1).quota_key)
        self.assertEqual("host 10.0.0.1", Peer(None, None, None, "10.0.0.1").quota_key)


class PeerTest(DaemonCase):
    """What SO_PEERCRED says decides who may use a socket."""

    def test_only_root_the_own_user_and_listed_groups(self) -> None:
        service = mock.Mock(auth="peer")
        trusted = self.server._trusted
        self.assertTrue(trusted(Peer(0, 0, 1), service, None))
        self.assertFalse(trusted(Peer(12345, 12345, None), service, None))
        self.server.settings.allowed_gids = [777]
        self.assertTrue(trusted(Peer(12345, 777, None), service, None))
        self.assertFalse(trusted(Peer(None, None, None, "::1"), service, None))
        self.assertFalse(trusted(Peer(None, None, None, "::1"), mock.Mock(auth="sasl"), None))
