;; A divisible job: each input is a piece of work; its payload is summed into one of 4,096
;; accumulators by position, and the answer is (piece's sum, total so far).
;; Memory: 0..4095 input, 4096..4111 output, 65536..98303 accumulators, above that scratch.
(module
  (import "headroom" "input" (func $input (param i32 i32) (result i32)))
  (import "headroom" "output" (func $output (param i32 i32)))
  (import "headroom" "hold" (func $hold (param i32) (result i32)))
  (import "headroom" "position" (func $position (result i64)))
  (import "headroom" "phase" (func $phase (param i32)))
  (memory (export "memory") 2)
  (global $total (export "total") (mut i64) (i64.const 0))

  (func $burn (param $fuel i64) (result i64)
    (local $n i64) (local $x i64)
    (local.set $n (i64.div_u (local.get $fuel) (i64.const 14)))
    (block $end
      (loop $again
        (br_if $end (i64.eqz (local.get $n)))
        (local.set $x
          (i64.mul (i64.xor (local.get $x) (local.get $n)) (i64.const 1099511628211)))
        (local.set $n (i64.sub (local.get $n) (i64.const 1)))
        (br $again)))
    (local.get $x))

  (func (export "step") (result i32)
    (local $length i32) (local $at i32) (local $sum i64) (local $slot i32)
    (call $phase (i32.const 1))
    (local.set $length (call $input (i32.const 0) (i32.const 4096)))
    (if (i32.gt_u (local.get $length) (i32.const 4096)) (then (local.set $length (i32.const 4096))))
    (if (i32.lt_u (local.get $length) (i32.const 12)) (then (return (i32.const 1))))
    (drop (call $hold (i32.load (i32.const 8))))
    (local.set $at (i32.const 12))
    (block $read
      (loop $byte
        (br_if $read (i32.ge_u (local.get $at) (local.get $length)))
        (local.set $sum (i64.add (local.get $sum) (i64.load8_u (local.get $at))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $byte)))
    (call $phase (i32.const 2))
    (local.set $sum
      (i64.xor (local.get $sum) (call $burn (i64.load (i32.const 0)))))
    (local.set $slot
      (i32.add (i32.const 65536)
        (i32.shl (i32.and (i32.wrap_i64 (call $position)) (i32.const 4095)) (i32.const 3))))
    (i64.store (local.get $slot) (i64.add (i64.load (local.get $slot)) (local.get $sum)))
    (global.set $total (i64.add (global.get $total) (local.get $sum)))
    (i64.store (i32.const 4096) (local.get $sum))
    (i64.store (i32.const 4104) (global.get $total))
    (call $output (i32.const 4096) (i32.const 16))
    (i32.const 0)))
