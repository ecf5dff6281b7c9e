/*
 * A pseudo-terminal between its standard streams and a program that opens the printed path, as a serial line would be.
 * usage: pty LINK    LINK becomes a symbolic link to the terminal. Ends with its standard input.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

static int copy(int from, int to)
{
    char buffer[4096];
    ssize_t length = read(from, buffer, sizeof buffer);
    /* EIO: nobody has the terminal open at the moment. */
    if (length < 0) return errno == EIO || errno == EAGAIN ? 1 : -1;
    if (length == 0) return 0;
    for (ssize_t done = 0; done < length;) {
        ssize_t written = write(to, buffer + done, length - done);
        if (written < 0) return -1;
        done += written;
    }
    return 1;
}

int main(int argc, char **argv)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    if (argc != 2 || master < 0 || grantpt(master) != 0 || unlockpt(master) != 0) return 2;
    const char *path = ptsname(master);
    /* Kept open, so that the terminal survives while the appliance opens and closes it. */
    int slave = open(path, O_RDWR | O_NOCTTY);
    struct termios settings;
    if (slave < 0 || tcgetattr(slave, &settings) != 0) return 2;
    cfmakeraw(&settings);
    if (tcsetattr(slave, TCSANOW, &settings) != 0) return 2;
    unlink(argv[1]);
    if (symlink(path, argv[1]) != 0) return 2;
    puts(path);
    fflush(stdout);
    /* From here on standard output belongs to the line. */
    struct pollfd sources[2] = { { .fd = STDIN_FILENO, .events = POLLIN }, { .fd = master, .events = POLLIN } };
    for (;;) {
        if (poll(sources, 2, -1) < 0) return 1;
        if (sources[0].revents != 0 && copy(STDIN_FILENO, master) != 1) break;
        if ((sources[1].revents & POLLIN) != 0 && copy(master, STDOUT_FILENO) < 0) break;
    }
    unlink(argv[1]);
    return 0;
}
