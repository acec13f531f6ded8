# SPDX-License-Identifier: Apache-2.0
# The firmware: build/firmware/guestlane.elf, images of its memories for $readmemh, and a size report.

FW_DIR := $(BUILD)/firmware
FW_SRC := $(addprefix firmware/,fastpath.c queue.c context.c mailbox.c log.c main.c)
FW_HDR := $(addprefix firmware/,fw.h fwio.h include/gl_mbox.h)
FW_ELF := $(FW_DIR)/guestlane.elf
FW_IMG := $(FW_DIR)/guestlane.fw
FW_HEX := $(addprefix $(FW_DIR)/,imem.hex dmem.hex dmem0.hex dmem1.hex)

FW_ARCH   := -march=rv32im_zicsr -mabi=ilp32
FW_CFLAGS := -std=c11 -O2 -g -Wall -Wextra -Werror -ffreestanding -fno-builtin -fno-jump-tables -fno-tree-loop-distribute-patterns \
	-ffunction-sections -msmall-data-limit=0 -fno-common -I$(GEN) -Ifirmware/include -Ifirmware
FW_ID = 0x$$(cat $(FW_SRC) $(FW_HDR) firmware/start.S | cksum | $(AWK) '{ printf "%08x", $$1 }')
$(FW_ELF): $(FW_SRC) $(FW_HDR) firmware/mem.c firmware/start.S firmware/link.ld firmware/firmware.mk $(REGS_H)
	@mkdir -p $(@D)
	@echo "  FW       $@"
	@id=$(FW_ID); \
	$(RISCV_CC) $(FW_ARCH) $(FW_CFLAGS) -DGL_BUILD_ID=$${id}u -nostdlib -nostartfiles -static -Wl,--gc-sections \
		-Wl,--no-warn-rwx-segments -Wl,-Map=$(FW_DIR)/guestlane.map -T firmware/link.ld \
		-o $@ firmware/start.S $(FW_SRC) firmware/mem.c -lgcc

# The file that hosts load (include/gl_image.h).
$(FW_DIR)/mkimage: firmware/mkimage.c firmware/include/gl_image.h firmware/include/gl_mbox.h
	@mkdir -p $(@D)
	@echo "  CC       $@"
	@$(CC) $(CFLAGS) -Ifirmware/include -o $@ $< -lelf -lz
$(FW_IMG): $(FW_ELF) $(FW_DIR)/mkimage
	@echo "  IMAGE    $@"
	@$(FW_DIR)/mkimage $< $$($(AWK) '$$1 == "#define" && $$2 == "GL_MAX_CTX" { print $$3 + 0 }' firmware/fw.h) $(FW_ID) $@

# One 32-bit word per line; dmem0 has the even and dmem1 the odd words.
$(FW_DIR)/imem.hex: $(FW_ELF)
	@$(RISCV_OBJCOPY) -O binary -j .text $< $(FW_DIR)/imem.bin
	@od -An -v -t x4 -w4 $(FW_DIR)/imem.bin | tr -d ' ' >$@
$(FW_DIR)/dmem.hex: $(FW_ELF)
	@$(RISCV_OBJCOPY) -O binary -j .data --change-section-lma .data-0x10000000 --gap-fill 0 $< $(FW_DIR)/data.bin
	@at=$$($(RISCV_CC:gcc=nm) $< | $(AWK) '$$3 == "__zero_end" { print substr($$1, 2) }'); \
		{ head -c $$((16#$$at)) /dev/zero; cat $(FW_DIR)/data.bin; } >$(FW_DIR)/dmem.bin
	@od -An -v -t x4 -w4 $(FW_DIR)/dmem.bin | tr -d ' ' >$@
$(FW_DIR)/dmem0.hex: $(FW_DIR)/dmem.hex
	@$(AWK) 'NR % 2 == 1' $< >$@
$(FW_DIR)/dmem1.hex: $(FW_DIR)/dmem.hex
	@$(AWK) 'NR % 2 == 0' $< >$@

$(FW_DIR)/size.txt: $(FW_ELF)
	@$(RISCV_CC:gcc=size) -A $< | $(AWK) '$$1 == ".text" { i = $$2 } $$1 ~ /^\.(shared|bss|data|checkpoint)$$/ { d += $$2 } \
		END { printf "instruction memory %d of 32768 bytes, data memory %d of 65536 bytes\n", i, d }' >$@
	@cat $@

ALL += $(FW_ELF) $(FW_IMG) $(FW_HEX) $(FW_DIR)/size.txt
FORMAT_SRC += $(FW_SRC) $(FW_HDR) firmware/mkimage.c firmware/include/gl_image.h

# The same sources on the host, against a model of the hardware.
FW_TEST := $(addprefix tests/unit/firmware/,test_firmware.c driver.c model.c)
$(eval $(call host_test,test_firmware,$(FW_TEST) $(addprefix tests/unit/firmware/,model.h driver.h) $(FW_SRC) $(FW_HDR),-DGL_HOST -Ifirmware -Ifirmware/include -Itests/unit/firmware,))
FORMAT_SRC += $(FW_TEST) tests/unit/firmware/model.h tests/unit/firmware/driver.h
