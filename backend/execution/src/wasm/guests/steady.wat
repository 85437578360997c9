;; A service: burns the fuel and touches the memory that its input asks for, mixes the input
;; into a state of 64 KiB and answers each input with (hash, count).
;; Memory: 0..4095 input, 4096..4111 output, 65536..131071 state, above that scratch, which
;; is left zero so that the state does not depend on how much of it was granted.
(module
  (import "headroom" "input" (func $input (param i32 i32) (result i32)))
  (import "headroom" "output" (func $output (param i32 i32)))
  (import "headroom" "hold" (func $hold (param i32) (result i32)))
  (import "headroom" "phase" (func $phase (param i32)))
  (memory (export "memory") 2)
  (global $hash (export "hash") (mut i64) (i64.const -3750763034362895579))
  (global $count (export "count") (mut i64) (i64.const 0))

  (func $mix (param $x i64)
    (global.set $hash
      (i64.mul
        (i64.xor (i64.rotl (global.get $hash) (i64.const 23)) (local.get $x))
        (i64.const 1099511628211))))

  ;; 14 fuel an iteration; a test measures it.
  (func $burn (param $fuel i64)
    (local $n i64) (local $x i64)
    (local.set $n (i64.div_u (local.get $fuel) (i64.const 14)))
    (block $end
      (loop $again
        (br_if $end (i64.eqz (local.get $n)))
        (local.set $x
          (i64.mul (i64.xor (local.get $x) (local.get $n)) (i64.const 1099511628211)))
        (local.set $n (i64.sub (local.get $n) (i64.const 1)))
        (br $again)))
    (call $mix (local.get $x)))

  ;; Grows to `$kib` and writes into each 4 KiB page above the state; answers the fuel used.
  (func $touch (param $kib i32) (result i64)
    (local $want i32) (local $at i32) (local $end i32)
    (local.set $want (i32.div_u (i32.add (local.get $kib) (i32.const 63)) (i32.const 64)))
    (if (i32.gt_u (local.get $want) (memory.size))
      (then (drop (memory.grow (i32.sub (local.get $want) (memory.size))))))
    (if (i32.lt_u (memory.size) (local.get $want))
      (then (local.set $kib (i32.mul (memory.size) (i32.const 64)))))
    (local.set $end (i32.mul (local.get $kib) (i32.const 1024)))
    (local.set $at (i32.const 131072))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
        (i32.store8 (local.get $at) (i32.const 1))
        (i32.store8 (local.get $at) (i32.const 0))
        (local.set $at (i32.add (local.get $at) (i32.const 4096)))
        (br $next)))
    (i64.extend_i32_u (i32.div_u (i32.sub (local.get $at) (i32.const 131072)) (i32.const 273))))

  (func (export "step") (result i32)
    (local $length i32) (local $at i32) (local $fuel i64) (local $used i64)
    (call $phase (i32.const 1))
    (local.set $length (call $input (i32.const 0) (i32.const 4096)))
    (if (i32.gt_u (local.get $length) (i32.const 4096)) (then (local.set $length (i32.const 4096))))
    (if (i32.lt_u (local.get $length) (i32.const 12)) (then (return (i32.const 1))))
    (local.set $at (i32.const 12))
    (block $read
      (loop $byte
        (br_if $read (i32.ge_u (local.get $at) (local.get $length)))
        (call $mix (i64.load8_u (local.get $at)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $byte)))
    (call $phase (i32.const 2))
    (local.set $used (call $touch (call $hold (i32.load (i32.const 8)))))
    (local.set $fuel (i64.load (i32.const 0)))
    (if (i64.gt_u (local.get $fuel) (local.get $used))
      (then (call $burn (i64.sub (local.get $fuel) (local.get $used))))
      (else (call $burn (i64.const 0))))
    (global.set $count (i64.add (global.get $count) (i64.const 1)))
    (call $mix (global.get $count))
    ;; One word of the state changes each step.
    (i64.store
      (i32.add (i32.const 65536)
        (i32.and (i32.wrap_i64 (i64.mul (global.get $hash) (i64.const 8))) (i32.const 65528)))
      (global.get $hash))
    (call $phase (i32.const 3))
    (i64.store (i32.const 4096) (global.get $hash))
    (i64.store (i32.const 4104) (global.get $count))
    (call $output (i32.const 4096) (i32.const 16))
    (i32.const 0)))
