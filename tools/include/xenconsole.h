/* What xm and xenconsole share: reaching a guest's console, and joining it to this terminal. */
#ifndef XENCONSOLE_H
#define XENCONSOLE_H

/**
 * Connects to xenconsoled's socket for domain @domid; any number of such connections see all that
 * the guest writes. The environment's XENCONSOLED_RUNDIR stands for the daemon's directory.
 *
 * @return a descriptor, or -1 and errno.
 */
int console_connect(unsigned int domid);

/**
 * Opens a pseudo-terminal so that it passes on every byte as it is. Two who read the same one share
 * its bytes.
 *
 * @return a descriptor, or -1 and errno, which is ENOTTY for what is no terminal.
 */
int console_open_terminal(const char *path);

/**
 * Joins console @fd with standard input and output until CTRL-] is typed or either ends; the end of
 * an input that is no terminal does not count. A terminal is raw meanwhile.
 */
void console_converse(int fd);

#endif
