"""A real SFTP server over a folder, in a process of its own; prints its port and its host key."""

import asyncio
import sys

import asyncssh

USER, PASSWORD = "rollcall", "only-for-this-test"
HOST_KEY = asyncssh.generate_private_key("ssh-ed25519")


class Door(asyncssh.SSHServer):
    """Lets one user in, by password or by a key that the folder's `authorized` names."""

    def password_auth_supported(self) -> bool:
        """Take passwords."""
        return True

    def validate_password(self, username: str, password: str) -> bool:
        """Compare both."""
        return (username, password) == (USER, PASSWORD)


async def serve(folder: str) -> None:
    """Serve until the process is ended."""
    server = await asyncssh.listen(
        "127.0.0.1", 0, server_factory=Door, server_host_keys=[HOST_KEY], authorized_client_keys=f"{folder}/authorized",
        sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=f"{folder}/files"),
    )  # fmt: skip
    print(server.get_port(), HOST_KEY.export_public_key().decode().strip(), flush=True)  # noqa: T201 - the parent reads it
    await server.wait_closed()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
