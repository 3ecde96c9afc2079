package words

// table is the Chinese of every text, by its English. Verbs of formats stand in the same
// order, or are numbered.
var table = map[string]string{
	// What a trace is known by, and what it misses.
	"perf page-fault events":                          "perf 缺页事件",
	"%d tracepoints in a tracefs instance of its own": "自建 tracefs 实例中的 %d 个跟踪点",
	"one tracepoint in a tracefs instance of its own": "自建 tracefs 实例中的 1 个跟踪点",
	"control group, version %d":                       "控制组（第 %d 版）",
	"the pager's own events":                          "分页器自己的事件",
	"%s: not asked for (--tier)":                      "%s：未要求（--tier）",
	"fault addresses from perf":                       "perf 给出的缺页地址",
	"when each fault began and ended: %v":             "每次缺页的起止时间：%v",
	"when each fault began and ended: %v; it needs the process's user with kernel.perf_event_paranoid at most 2, or root": "每次缺页的起止时间：%v；需要该进程的用户且 kernel.perf_event_paranoid 不大于 2，或 root",
	"the page cache, readahead, the block device and reclaim":                                                             "页缓存、预读、块设备和回收",
	"%s: tracefs needs root (try sudo)":                                                                                   "%s：tracefs 需要 root（可用 sudo）",
	"%s: %v":                                                                                                              "%s：%v",
	"%s: %s: %v":                                                                                                          "%s：%s：%v",
	"needs a kernel with %s":                                                                                              "需要内核配置 %s",
	"folios, and what their flags are":                                                                                    "folio 及其标志",
	"whether others map the pages":                                                                                        "其他进程是否映射这些页",
	"which control group the pages are charged to":                                                                        "这些页计入哪个控制组",
	"what the frames tell: %v":                                                                                            "页框的信息：%v",
	"folios, and whether others map the pages":                                                                            "folio，以及其他进程是否映射这些页",
	"frame numbers, %s: pagemap and kpageflags tell root only":                                                            "页框号、%s：pagemap 和 kpageflags 只告诉 root",
	"this kernel has no %s":                                                                                               "此内核没有 %s",
	"which pages are cached and dirty: %v":                                                                                "哪些页在缓存中、哪些是脏页：%v",
	"the write part: %v; --dir names another directory, --no-write leaves it out, --write stores to FILE itself": "写入部分：%v；--dir 指定其他目录，--no-write 略去写入，--write 直接写入文件本身",
	"a cold start: %d pages stayed in memory, since someone maps or uses them":                                   "冷启动：仍有 %d 页留在内存中，因为有进程映射或使用它们",
	"which files the process mapped already: %v":                                                                 "该进程此前已映射了哪些文件：%v",
	"a second count of the faults, and how much was read by system calls: the process has ended":                 "缺页的第二种计数，以及系统调用读了多少：进程已结束",
	"how much was read by system calls: /proc/%d/io does not tell this user":                                     "系统调用读了多少：/proc/%d/io 不告诉此用户",
	"requests to the device: the file's file system has no block device of its own":                              "对设备的请求：该文件所在的文件系统没有自己的块设备",
	"which requests to the device were for %s: %v":                                                               "哪些设备请求是为 %s 发出的：%v",
	"a record of what is to be undone, should this run be killed: %v":                                            "本次运行若被杀死，需要撤销之事的记录：%v",

	// Orders of faults and touches.
	"in order": "顺序", "backward": "逆序", "scattered": "分散", "too few to tell": "太少，无法判断",
	"sequential": "顺序", "random": "随机", "stride": "等距",

	// Advice for a FILE.
	"The device read %.0f bytes for each byte of the pages touched: random access wants MADV_RANDOM (try --advise random).":                                                                    "每访问页面中的一个字节，设备就读了 %.0f 个字节：随机访问应使用 MADV_RANDOM（可试 --advise random）。",
	"%d of the faults counted as minor slept all the same, for reads under way: count sleeps and not only major faults.":                                                                       "有 %d 次计为次要的缺页其实也睡眠了，在等正在进行的读取：要数睡眠次数，而不只数主要缺页。",
	"In a Go program a fault that sleeps blocks the scheduler's P, and a system call does not: load pages by one (MADV_POPULATE_READ, or this module's ReadAt and View) before touching them.": "在 Go 程序里，睡眠的缺页会占住调度器的 P，系统调用则不会：访问之前先用系统调用载入页面（MADV_POPULATE_READ，或本模块的 ReadAt 和 View）。",
	"Changed private pages have no home on a disk, so they go through swap: those of a shared mapping of this file are written to it instead.":                                                 "被改过的私有页在磁盘上没有归宿，只能经过交换区；同一文件的共享映射的页则写回文件。",

	// Advice for a program.
	"%s: %s": "%s：%s",
	"%d faults, in order, on pages that were in memory: MADV_POPULATE_READ sets the translations of a range in one call instead.":                                                                                        "%d 次缺页，顺序访问，页面本来就在内存中：MADV_POPULATE_READ 可以用一次调用建立整段的页表项。",
	"%d of the faults that waited were in a Go program. Each blocks the scheduler's P while it waits; a system call does not: load pages by MADV_POPULATE_READ, or this module's ReadAt and View, before touching them.": "等待过的缺页中有 %d 次发生在 Go 程序里。每次等待都占住调度器的 P，系统调用则不会：访问之前先用 MADV_POPULATE_READ 或本模块的 ReadAt 和 View 载入页面。",
	"%d faults, %s, waited for the device. %s": "%d 次缺页（%s）等待了设备。%s",
	"%d faults, %s, waited for the device, which read all of that part of the file: MADV_POPULATE_READ of a few MiB ahead of the reader loads it without a fault.":                                                "%d 次缺页（%s）等待了设备，设备读了文件这一部分的全部内容：在读取位置之前几 MiB 用 MADV_POPULATE_READ，就能载入而不缺页。",
	"%d faults, %s, waited for the device, which read all of that part of the file: MADV_POPULATE_READ of a few MiB before each range loads it without a fault.":                                                  "%d 次缺页（%s）等待了设备，设备读了文件这一部分的全部内容：读每一段之前先对前面几 MiB 用 MADV_POPULATE_READ，就能载入而不缺页。",
	"%d faults, %s, waited for the device, which read all of that part of the file in the end: MADV_POPULATE_READ of it, before, loads it in order and without a fault.":                                          "%d 次缺页（%s）等待了设备，设备最终读了文件这一部分的全部内容：事先对它用 MADV_POPULATE_READ，就能按顺序载入而不缺页。",
	"%d faults, %s, waited for the device, which read %d KiB for each: MADV_RANDOM reads a page for each. Where the program reads on from a place, MADV_POPULATE_READ of what it will read there takes one wait.": "%d 次缺页（%s）等待了设备，每次缺页设备读了 %d KiB：用 MADV_RANDOM 每次只读一页。如果程序从某处继续往下读，对将要读的部分用 MADV_POPULATE_READ 只需等待一次。",
	"MADV_RANDOM reads a page for each, which helps if the program uses only that, and costs a wait for every page if it reads on from there: measure both, for example by %s%s.":                                 "用 MADV_RANDOM 每次只读一页：程序只用这一页时有好处，如果接着往下读则每页都要等待。两种都测一测，例如 %s%s。",
	"If the program uses what lies between, MADV_POPULATE_READ of a few MiB at a time loads it without a fault; if it skips most of it, MADV_RANDOM reads less: measure both, for example by %s%s.":               "如果程序要用中间的内容，每次对几 MiB 用 MADV_POPULATE_READ 就能载入而不缺页；如果大部分都跳过，MADV_RANDOM 读得更少。两种都测一测，例如 %s%s。",
	"MADV_POPULATE_READ of what it will use, in one call, is what to try first: measure it, for example by %s%s.":                                                                                                 "首先可以试试：用一次 MADV_POPULATE_READ 载入将要使用的部分，并加以测量，例如 %s%s。",
	". As root, the trace says what was read for them": "。以 root 运行时，跟踪会说明为它们读了什么",

	// The page's head.
	"To the events": "跳到事件", "Language": "语言", "readahead %s": "预读 %s", "pages of %s": "页大小 %s",
	"one page, %s": "1 页，%s", "%s pages, %s": "%s 页，%s", "advice %s": "建议 %s", "memory limit %s": "内存限制 %s", "process %d": "进程 %d",
	"tier": "级别", "%d lost events": "丢失 %d 个事件", "Missing": "缺少", "Left out": "略去",
	"%d events, evenly in each phase: --json has more": "%d 个事件（每个阶段均匀略去）：--json 里有更多",
	"in all": "总时间", "for the steps; %s with looking between them": "各步骤用时；连同步骤之间的观察共 %s",
	"from mmap() to the first byte": "从 mmap() 到第一个字节", "faults": "缺页",
	"faults: %s minor, %s major": "缺页：次要 %s，主要 %s", "read by the device": "设备读取", "written by the device": "设备写入",
	"pages swapped out, %s in": "页换出，%s 页换入",

	// The player.
	"What happened, step by step": "逐步回放", "Player": "播放器", "First event": "第一个事件", "Previous event": "上一个事件",
	"Next event": "下一个事件", "Last event": "最后一个事件", "Event": "事件", "speed": "速度",
	"← → step, Shift with them ten at a time, space plays, 1–4 next event of that stage, Home and End, L language.": "← → 单步，加 Shift 一次十步，空格播放，1–4 跳到该过程的下一个事件，Home/End，L 切换语言。",
	"play": "播放", "pause": "暂停", "no event": "没有事件",
	"Figure 1: where the pages are": "图 1：页面在哪里", "mapped": "已映射", "in the page cache": "在页缓存中", "being read": "正在读入",
	"dirty": "脏", "private copy": "私有副本", "in swap": "在交换区", "this event": "当前事件",
	"The four processes in time": "四个过程的时间线", "Axis": "坐标轴", "by time": "按时间", "by step": "按步骤",
	"hatched: looking between the steps":                      "斜线：步骤之间的观察",
	"Timeline of the events by stage; the slider moves in it": "按过程排列的事件时间线；滑块在其中移动",
	"Figure 2: two ways to the same page":                     "图 2：通往同一页面的两条路",
	"read() copies once more, from the page cache to the program's buffer; a mapping uses the page cache's own frames.": "read() 要再复制一次，从页缓存到程序的缓冲区；映射直接使用页缓存的页框。",
	"read(): disk, page cache, buffer, two copies. Mapping: disk, page cache, which is mapped, one copy.":               "read()：硬盘、页缓存、缓冲区，两次复制。映射：硬盘、被映射的页缓存，一次复制。",

	// The figures' own.
	"address space": "进程地址空间", "page table (MMU)": "页表（MMU）", "memory": "物理内存", "disk": "硬盘", "the file": "文件", "no file": "没有文件",
	"a file of its own": "另建的文件", "swap": "交换区", "nothing mapped": "没有映射", "frame": "页框", "not present": "不存在", "swap slot": "交换槽位",
	"page": "页", "folio": "个 folio", "one lost event": "丢失 1 个事件", "one event, evenly in each phase: --json has more": "1 个事件（每个阶段均匀略去）：--json 里有更多",
	"cached": "已缓存", "private": "私有", "pages": "页", "a cell is {n} pages": "每格 {n} 页", "a cell is a page": "每格一页",
	"pages {a} to {b}": "第 {a} 到 {b} 页", "offset": "偏移", "took": "耗时", "own time": "自身耗时", "phase": "阶段", "known by": "来源",
	"minor": "次要", "major": "主要", "counted as minor, and slept": "计为次要缺页，但睡眠了", "store": "写", "load": "读",
	"mapping": "映射", "buffer": "缓冲区", "program": "程序", "page cache": "页缓存",
	"① copied by the device": "① 设备复制", "② copied by the processor": "② 处理器复制", "the same frames": "同样的页框", "folios": "个 folio", "code|by": "代码",
	"seen|clock": "时钟", "seen|inferred": "推断", "seen|tracepoint": "跟踪点", "seen|counter": "计数器",
	"phase|map": "建立映射", "phase|read": "读", "phase|unmap": "解除映射", "phase|map to write": "为写建立映射", "phase|write": "写", "phase|sync": "落盘",
	"phase|write again": "再写", "phase|store privately": "私有写入", "phase|read again": "再读",

	// What it adds up to.
	"What each process took": "各过程用时",
	"Each event's own time, without that of events within it, so that the four add up to that of the steps.":                        "每个事件自身的时间，不含其内部事件，因此四项之和就是各步骤的总时间。",
	"Of a program only the faults are timed. Its threads and processes may fault at the same time.":                                 "对一个程序只测量缺页的时间。它的线程和进程可能同时缺页。",
	"Each event's own time, without that of events within it on the same pages. Events of a pager may take place at the same time.": "每个事件自身的时间，不含其内部对相同页面的事件。分页器的事件可能同时发生。",
	"not timed": "未计时", "A region is made": "建立映射", "Addresses are translated": "地址转换", "Missing pages are brought in": "缺页调入", "Pages leave": "页面离开",
	"Faults by file": "各文件的缺页", "File": "文件", "slept": "睡眠", "time": "用时", "slowest": "最慢", "column|read": "读入", "order": "次序",
	"[anonymous memory]": "[匿名内存]", "[not known]": "[未知]", "[more files]": "[更多文件]", "[heap]": "[堆]", "[stack]": "[栈]",
	"All of it": "全部数据", "Download as JSON": "下载 JSON", "As the terminal shows it": "终端输出", "Terminal output": "终端输出",
	"Made by filemap trace. This page holds all its data and asks nothing of the network.": "由 filemap trace 生成。本页包含全部数据，不访问网络。",
}
