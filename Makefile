# Everything here needs Node >= 20.19, npm and make, and nothing else.

SOURCES := $(shell find broker cli http protocol storage -name '*.ts' 2>/dev/null)

.PHONY: run test check build bench oracle fuzz chaos chaos-images interop clean install

# Start a broker for development on 127.0.0.1:9092, with its data in ./data.
run: dist/cli.js
	@exec node bin/odradek dev $(ARGS)

# All tests that need only Node. TEST_FLAGS goes to vitest: make test TEST_FLAGS=test/storage
test: node_modules/.package-lock.json dist/cli.js
	npx vitest run $(TEST_FLAGS)

# Types, lint and format, and the rules that the repository keeps about itself.
check: node_modules/.package-lock.json
	npx tsc --noEmit
	npx biome check .
	npx vitest run test/repository.test.ts

# JavaScript and type declarations in dist/, as they are published.
build: dist/cli.js
	npx tsc --project tsconfig.types.json

# A table of throughput and latency, of the built broker.
bench: dist/cli.js
	npx tsx bench/run.ts $(ARGS)

# The same requests to Apache Kafka and to Odradek, and their answers compared; what may differ is in docs/differences.md.
# Needs Java 17 and Maven, and says so where they are missing. ARGS are words of case titles, or --verbose.
oracle: node_modules/.package-lock.json
	npx tsx test/oracle/run.ts $(ARGS)

# A million good, damaged and senseless requests against a broker in a process of its own; the seed is printed.
# make fuzz FUZZ_FRAMES=100000 FUZZ_SEED=7
fuzz: node_modules/.package-lock.json
	npx tsx test/hostile/fuzz/main.ts

# Storage on a disk that stops at every point of random lives, as long as told (CHAOS_SECONDS, default 60; CHAOS_SEED);
# then a broker in a process of its own, killed again and again under load, and its power cut (where cc is there); then the
# history of what it acknowledged and showed is judged. The seed is printed. CHAOS="--kills 2000 --seed 7"
chaos: chaos-images dist/cli.js
	npx tsx test/chaos/main.ts $(CHAOS)

# The first half alone.
chaos-images: node_modules/.package-lock.json
	npx tsx test/crash/images/main.ts $(IMAGES)

# A table of clients and what works with each. Installs them into .interop/ from the ordinary registries.
# One client: make interop ARGS="--only aiokafka,sarama"
interop: dist/cli.js
	npx tsx test/interop/run.ts $(ARGS)

clean:
	rm -rf dist coverage node_modules/.vite node_modules/.vitest

install: node_modules/.package-lock.json

# npm ci insists on the binaries of all platforms in the lock file; npm install takes those of this one.
node_modules/.package-lock.json: package.json package-lock.json
	npm install --no-audit --no-fund
	@touch $@

dist/cli.js: node_modules/.package-lock.json scripts/build.mjs $(SOURCES)
	node scripts/build.mjs
