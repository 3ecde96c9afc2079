// Checks the document that `filemap compare --json` printed: its schema, and
// that the article's comparison is all there and came out right.
import { readFileSync } from "node:fs";
import assert from "node:assert/strict";

const report = JSON.parse(readFileSync(process.argv[2], "utf8"));
assert.equal(report.schema, "filemap/compare/v1");
assert.equal(report.article.ratio, 2.26);
assert.ok(report.measured.ratio > 0, "measured.ratio");
assert.ok(report.results.length >= 4, `only ${report.results.length} contenders`);
for (const result of report.results) {
  for (const field of [
    "contender", "median_ns", "ratio_to_readwrite", "verified", "faults_minor",
    "faults_major", "copied_bytes", "device_read_bytes", "device_write_bytes",
  ]) {
    assert.ok(field in result, `${result.contender}: no ${field}`);
  }
  assert.equal(result.verified, true, `${result.contender}: not verified`);
  assert.ok(result.median_ns > 0, `${result.contender}: median_ns`);
}
console.log(`compare --json: ${report.results.length} contenders, all verified`);
