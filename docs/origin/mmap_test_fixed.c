/*
 * The article's task, corrected: read N integers from a file, add 1 to each,
 * write them back; by read/write and through a mapping.
 *
 *   gcc -O2 -Wall -Wextra -o mmap_test_fixed mmap_test_fixed.c
 *   ./mmap_test_fixed [-c | -d] [-n INTEGERS] [-r ROUNDS] [-w BYTES] [-p KIB] [FILE]
 *
 *   -c  cold: before each turn the file is evicted from the page cache, and
 *       the program stops if any page of it stayed
 *   -d  durable: each turn ends when the change is on the device
 *       (fdatasync after a write, msync before the munmap)
 *   -n  how many integers, 10 000 by default
 *   -r  how many rounds, 1001 by default; each case has one turn a round,
 *       in an order drawn anew for each round
 *   -w  make the file by writes of this many bytes; by default one write.
 *       It matters: what one write brings, the page cache keeps in few large
 *       pieces (folios), and a mapping faults once for each piece
 *   -p  place each mapping this many KiB after a 2 MiB boundary of the address
 *       space; by default the kernel chooses, and it aligns only mappings of
 *       2 MiB and more. It matters: the pages of a folio that lies across such
 *       a boundary are faulted in one by one
 *
 * FILE (mmap_test_fixed.dat) must not exist. It is made here and removed at
 * the end. Every integer in it is checked after every turn, outside the timed
 * part. Times are monotonic and printed as median, quartiles and the ratio of
 * the first case's median to this one's: above 1 is faster than the first.
 * docs/origin.md explains what the article's own program did instead.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static const char *path = "mmap_test_fixed.dat";
static size_t count = 10000, bytes;
static int cold, durable;
static char *place;	/* where -p puts the mappings; NULL: anywhere */

static int *buffer;	/* the read/write cases' memory, allocated once */
static int *check;	/* the file as the verification reads it */
static int kept_fd;
static int *kept_map = MAP_FAILED;

static void die(const char *what)
{
	fprintf(stderr, "mmap_test_fixed: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void remove_file(void)
{
	unlink(path);
}

static void on_signal(int sig)
{
	unlink(path);
	_exit(128 + sig);
}

static long long now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* The whole computation. Not inlined, so that all cases run the same code. */
static __attribute__((noinline)) void add_one(int *array)
{
	for (size_t i = 0; i < count; i++)
		++array[i];
}

/* The same bytes are read and written: pread and pwrite name the offset. */
static void read_all(int fd, void *to)
{
	for (size_t done = 0; done < bytes;) {
		ssize_t n = pread(fd, (char *)to + done, bytes - done, done);

		if (n <= 0)
			die("pread");
		done += n;
	}
}

static void write_all(int fd, const void *from, size_t piece)
{
	for (size_t done = 0; done < bytes;) {
		size_t want = bytes - done < piece ? bytes - done : piece;
		ssize_t n = pwrite(fd, (const char *)from + done, want, done);

		if (n <= 0)
			die("pwrite");
		done += n;
	}
}

static void read_write(int fd)
{
	read_all(fd, buffer);
	add_one(buffer);
	write_all(fd, buffer, bytes);
	if (durable && fdatasync(fd) != 0)
		die("fdatasync");
}

/* Sets place to an address that is free for two mappings, one after another. */
static void choose_place(size_t kib)
{
	size_t step = 2 << 20, spare = 2 * bytes + 4 * step + kib * 1024;
	char *m = mmap(NULL, spare, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (m == MAP_FAILED || munmap(m, spare) != 0)
		die("mmap");
	place = m + (step - (size_t)m % step) + kib * 1024;
}

static int *map_at(char *where, int fd)
{
	int *m = mmap(where, bytes, PROT_READ | PROT_WRITE,
		      MAP_SHARED | (where ? MAP_FIXED_NOREPLACE : 0), fd, 0);

	if (m == MAP_FAILED)
		die("mmap");
	return m;
}

static int *map(int fd)
{
	return map_at(place, fd);
}

/* The kept mapping lies behind the place of the others, aligned as they are. */
static int *map_to_keep(int fd)
{
	size_t step = 2 << 20;

	return map_at(place ? place + (bytes + step) / step * step : NULL, fd);
}

static void use_map(int *m)
{
	add_one(m);
	if (durable && msync(m, bytes, MS_SYNC) != 0)
		die("msync");
}

/* msync is in use_map, before the munmap; the mapping is not freed. */
static void map_use_unmap(int fd)
{
	int *m = map(fd);

	use_map(m);
	if (munmap(m, bytes) != 0)
		die("munmap");
}

static int open_file(void)
{
	int fd = open(path, O_RDWR);

	if (fd < 0)
		die(path);
	return fd;
}

static void close_file(int fd)
{
	if (close(fd) != 0)
		die("close");
}

static void case_open_read_write(void)
{
	int fd = open_file();

	read_write(fd);
	close_file(fd);
}

static void case_open_map(void)
{
	int fd = open_file();

	map_use_unmap(fd);
	close_file(fd);
}

static void case_read_write(void) { read_write(kept_fd); }
static void case_map(void) { map_use_unmap(kept_fd); }
static void case_kept_map(void) { use_map(kept_map); }

static struct turns {
	const char *name;
	void (*run)(void);
	long long *ns;
	long minor, major, blocks_in;
} cases[] = {
	{ .name = "open, read, +1, write, close", .run = case_open_read_write },
	{ .name = "open, map, +1, unmap, close", .run = case_open_map },
	{ .name = "read, +1, write; file kept open", .run = case_read_write },
	{ .name = "map, +1, unmap; file kept open", .run = case_map },
	{ .name = "+1; mapping kept", .run = case_kept_map },
};
enum { CASES = sizeof cases / sizeof cases[0] };

/* Writes the file back, drops it from the page cache and proves it gone. */
static void evict(void)
{
	size_t page = sysconf(_SC_PAGESIZE), pages = (bytes + page - 1) / page;
	unsigned char *resident = malloc(pages);
	int err, *m;

	if (fdatasync(kept_fd) != 0)
		die("fdatasync");
	err = posix_fadvise(kept_fd, 0, 0, POSIX_FADV_DONTNEED);
	if (err != 0) {
		errno = err;
		die("posix_fadvise");
	}
	m = map(kept_fd);
	if (!resident || mincore(m, bytes, resident) != 0)
		die("mincore");
	for (size_t i = 0; i < pages; i++)
		if (resident[i] & 1) {
			fprintf(stderr, "mmap_test_fixed: page %zu stayed in memory: not cold\n", i);
			exit(1);
		}
	munmap(m, bytes);
	free(resident);
}

/* Every integer must be what it was made as, plus one for each turn so far. */
static void verify(const char *name, unsigned turns)
{
	read_all(kept_fd, check);
	for (size_t i = 0; i < count; i++)
		if ((unsigned)check[i] != (unsigned)i + turns) {
			fprintf(stderr, "mmap_test_fixed: after %s: integer %zu is %d, not %u\n",
				name, i, check[i], (unsigned)i + turns);
			exit(1);
		}
}

static void take_turn(struct turns *c, long long *ns)
{
	static unsigned turns;
	struct rusage before, after;
	long long start;

	if (cold)
		evict();
	getrusage(RUSAGE_SELF, &before);
	start = now_ns();
	c->run();
	*ns = now_ns() - start;
	getrusage(RUSAGE_SELF, &after);
	c->minor += after.ru_minflt - before.ru_minflt;
	c->major += after.ru_majflt - before.ru_majflt;
	c->blocks_in += after.ru_inblock - before.ru_inblock;
	verify(c->name, ++turns);
}

static void shuffle(int *order, int n)
{
	for (int i = n - 1; i > 0; i--) {
		int j = rand() % (i + 1), t = order[i];

		order[i] = order[j];
		order[j] = t;
	}
}

static void run_rounds(int n, int rounds)
{
	int order[CASES];
	long long ignored;

	for (int i = 0; i < n; i++)
		order[i] = i;
	for (int r = 0; r < 10; r++)	/* warm-up, not counted */
		for (int i = 0; i < n; i++)
			take_turn(&cases[i], &ignored);
	for (int i = 0; i < n; i++)
		cases[i].minor = cases[i].major = cases[i].blocks_in = 0;
	for (int r = 0; r < rounds; r++) {
		shuffle(order, n);
		for (int i = 0; i < n; i++)
			take_turn(&cases[order[i]], &cases[order[i]].ns[r]);
	}
}

static int by_value(const void *a, const void *b)
{
	long long x = *(const long long *)a, y = *(const long long *)b;

	return (x > y) - (x < y);
}

static void report(int n, int rounds)
{
	printf("%zu integers, %zu bytes, %d rounds, %s%s; every turn verified\n", count, bytes,
	       rounds, cold ? "cold" : "warm", durable ? ", durable" : "");
	printf("%-33s %11s %11s %11s %7s %7s %9s %7s\n", "", "median_us", "quartile1", "quartile3",
	       "minor", "major", "bytes_in", "ratio");
	for (int i = 0; i < n; i++)
		qsort(cases[i].ns, rounds, sizeof *cases[i].ns, by_value);
	for (int i = 0; i < n; i++) {
		const struct turns *c = &cases[i];

		printf("%-33s %11.1f %11.1f %11.1f %7.1f %7.1f %9.0f %7.2f\n", c->name,
		       c->ns[rounds / 2] / 1e3, c->ns[rounds / 4] / 1e3, c->ns[rounds * 3 / 4] / 1e3,
		       (double)c->minor / rounds, (double)c->major / rounds,
		       512.0 * c->blocks_in / rounds,
		       (double)cases[0].ns[rounds / 2] / c->ns[rounds / 2]);
	}
}

static long number(const char *s)
{
	char *end;
	long n = strtol(s, &end, 10);

	if (*end || end == s || n < 0 || n > 500 * 1000 * 1000) {
		fprintf(stderr, "mmap_test_fixed: not a usable number: %s\n", s);
		exit(2);
	}
	return n;
}

int main(int argc, char **argv)
{
	int opt, n = CASES, rounds = 1001;
	size_t piece = 0;
	long kib = -1;

	while ((opt = getopt(argc, argv, "cdn:r:w:p:")) != -1)
		switch (opt) {
		case 'c': cold = 1; break;
		case 'd': durable = 1; break;
		case 'n': count = number(optarg); break;
		case 'r': rounds = number(optarg); break;
		case 'w': piece = number(optarg); break;
		case 'p': kib = number(optarg); break;
		default: return 2;
		}
	if (optind < argc)
		path = argv[optind];
	if (count == 0 || rounds == 0) {
		fprintf(stderr, "mmap_test_fixed: -n and -r must be at least 1\n");
		return 2;
	}
	bytes = count * sizeof(int);
	buffer = malloc(bytes);
	check = malloc(bytes);
	if (!buffer || !check)
		die("malloc");
	for (size_t i = 0; i < count; i++)
		buffer[i] = i;

	kept_fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (kept_fd < 0)
		die(path);
	atexit(remove_file);
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	write_all(kept_fd, buffer, piece ? piece : bytes);
	if (fdatasync(kept_fd) != 0)
		die("fdatasync");

	if (kib >= 0)
		choose_place(kib);
	if (cold)
		n--;	/* a page that is mapped is not evicted: no kept mapping */
	else
		kept_map = map_to_keep(kept_fd);
	for (int i = 0; i < n; i++)
		if (!(cases[i].ns = malloc(rounds * sizeof *cases[i].ns)))
			die("malloc");
	run_rounds(n, rounds);
	report(n, rounds);
	return 0;
}
