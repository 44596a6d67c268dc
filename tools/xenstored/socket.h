/* Connections over the local socket, all of them domain 0's. */
#ifndef XENSTORED_SOCKET_H
#define XENSTORED_SOCKET_H

/** Listens at `path`, which only root may open. @return 0 or -1 and errno. */
int socket_listen(const char *path);

/** Ends all connections and removes the socket's name. */
void sockets_close(void);

/** Sends what connections have been given to send. */
void sockets_flush(void);

#endif
