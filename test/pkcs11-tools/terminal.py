"""Runs a program on a pseudo-terminal and answers its prompt: terminal.py ANSWER PROGRAM ARGUMENT...

Prints JSON: what the terminal showed, whether it echoed at the prompt and after the end, the exit status or the signal.
"""

import fcntl
import json
import os
import sys
import termios

answer, *command = sys.argv[1:]
master, slave = os.openpty()
child = os.fork()
if child == 0:
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    # Only the controlling terminal is a terminal: standard input is empty.
    os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
    os.dup2(slave, 1)
    os.dup2(slave, 2)
    os.closerange(3, 20)
    os.execv(command[0], command)


def echoes():
    return bool(termios.tcgetattr(slave)[3] & termios.ECHO)


shown = b""
while b"Enter Pin: " not in shown:
    shown += os.read(master, 1000)
echo_at_prompt = echoes()
os.write(master, answer.encode().decode("unicode_escape").encode())
_, status = os.waitpid(child, 0)
echo_after = echoes()
os.set_blocking(master, False)
try:
    while True:
        shown += os.read(master, 1000)
except BlockingIOError:
    pass
print(
    json.dumps(
        {
            "shown": shown.decode(),
            "echoAtPrompt": echo_at_prompt,
            "echoAfter": echo_after,
            "status": os.waitstatus_to_exitcode(status),
        }
    )
)
