/* Prints the monotonic and the wall clock in nanoseconds. */
#include <stdio.h>
#include <time.h>

int main(void)
{
	struct timespec monotonic, wall;

	if (clock_gettime(CLOCK_MONOTONIC, &monotonic) || clock_gettime(CLOCK_REALTIME, &wall))
		return 1;
	printf("%lld%09ld %lld%09ld\n", (long long)monotonic.tv_sec, monotonic.tv_nsec, (long long)wall.tv_sec,
	       wall.tv_nsec);
	return 0;
}
