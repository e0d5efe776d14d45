"""The values of synthetic weights, from their definition in
runtime/packing/Synthetic.h: what the runtime computes must be these bits."""

import array
import math
import struct

M32, M64 = 2**32 - 1, 2**64 - 1
ROW_STEP, COLUMN_STEP = 0x9e3779b97f4a7c15, 0x9e3779b9


def mix(x):
    x = ((x ^ (x >> 30)) * 0xbf58476d1ce4e5b9) & M64
    x = ((x ^ (x >> 27)) * 0x94d049bb133111eb) & M64
    return x ^ (x >> 31)


def hash_name(name):
    value = 0xcbf29ce484222325
    for byte in name.encode():
        value = ((value ^ byte) * 0x100000001b3) & M64
    return value


def centred_sum(row_key, column):
    x = (row_key + column * COLUMN_STEP) & M32
    x = ((x ^ (x >> 16)) * 0x7feb352d) & M32
    x ^= row_key >> 32
    x = ((x ^ (x >> 15)) * 0x846ca68b) & M32
    x ^= x >> 16
    return (x & 255) + (x >> 8 & 255) + (x >> 16 & 255) + (x >> 24) - 510


def f32(value):
    return struct.unpack("<f", struct.pack("<f", value))[0]


def bf16(value):
    bits = struct.unpack("<I", struct.pack("<f", value))[0]
    return (bits + 0x7fff + (bits >> 16 & 1)) >> 16


def tensor(seed, name, rows, columns=1):
    """The tensor's bf16 values as an array of 16-bit numbers, row by row."""
    key = mix(mix((seed + ROW_STEP) & M64) ^ hash_name(name))
    if columns == 1:
        bias = name.endswith(".bias")
        centre, scale = (0, 2**-13) if bias else (2048, 2**-11)
        return array.array("H", (bf16((centre + centred_sum(key, i)) * scale)
                                 for i in range(rows)))
    unit = f32(1 / f32(f32(147.8) * f32(math.sqrt(columns))))
    scales = [unit * (4 if mix((key - (c + 1) * ROW_STEP) & M64) >> 56 == 0
                      else 1) for c in range(columns)]
    values = array.array("H")
    for row in range(rows):
        row_key = mix((key + (row + 1) * ROW_STEP) & M64)
        factor = 2 if mix(row_key) >> 58 == 0 else 1
        values.extend(bf16(f32(centred_sum(row_key, c) * scales[c] * factor))
                      for c in range(columns))
    return values
