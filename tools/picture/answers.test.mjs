/** Laws of marks: when an annotation begins and ends. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { spansOf } from './answers.mjs';

const points = (...seconds) => seconds.map((second) => [second, '1']);

test('points that follow each other are one mark, and a gap begins another', () => {
  assert.deepEqual(spansOf(points(10, 11, 12, 20, 21), 1), [[10_000, 12_000], [20_000, 21_000]]);
});

test('a single point is a mark that ends where it begins', () => {
  assert.deepEqual(spansOf(points(10), 1), [[10_000, 10_000]]);
});
