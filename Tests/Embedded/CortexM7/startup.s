@ What a Cortex-M7 needs before Swift runs, and the one instruction that asks the debugger for something.
  .syntax unified
  .cpu cortex-m7
  .fpu fpv5-sp-d16
  .thumb

@ The two words that the processor reads when it starts, then the exceptions.
  .section .vectors, "a"
  .word __stack_top
  .word reset
  .rept 14
  .word fault
  .endr

  .text
  .global reset
  .type reset, %function
  .thumb_func
reset:
  @ CPACR, 0xE000ED88: full access to the floating-point unit, coprocessors 10 and 11.
  ldr r0, =0xE000ED88
  ldr r1, [r0]
  orr r1, r1, #(0xF << 20)
  str r1, [r0]
  dsb
  isb
  @ The stack is painted, so that its deepest use can be read afterwards.
  ldr r0, =__stack_bottom
  ldr r1, =0xA5A5A5A5
1:
  str r1, [r0], #4
  cmp r0, sp
  blo 1b
  bl start_program
  b fault

@ Any exception ends the program; the sixth word that the processor has put on the stack is its place.
  .type fault, %function
  .thumb_func
fault:
  ldr r0, [sp, #24]
  bl report_fault
  b .

@ semihost(operation, argument): Arm's semihosting, which QEMU and debuggers answer.
  .global semihost
  .type semihost, %function
  .thumb_func
semihost:
  bkpt #0xAB
  bx lr
