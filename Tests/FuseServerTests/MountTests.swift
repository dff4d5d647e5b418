// The suites that mount. One test at a time: they share two processors and one /dev/fuse.

import Testing

@Suite(.serialized) enum MountTests {}
