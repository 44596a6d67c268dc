/*
 * What a new paravirtual domain finds when it starts: start_info (public/xen.h) and the registers
 * of vCPU 0.
 */
#include <string.h>

#include "private.h"

/* Bits of a vCPU's flags, and RFLAGS.IF. */
#define CONTEXT_FLAGS (VGCF_in_kernel | VGCF_online)
#define FLAGS_IF      0x200

void xg_start_info_fill(const struct xg_layout *layout, const struct xg_start *start,
	const xen_pfn_t *p2m, void *page)
{
	struct start_info *info = memset(page, 0, XC_PAGE_SIZE);

	g_strlcpy(info->magic, "xen-3.0-x86_64", sizeof(info->magic));
	info->nr_pages = layout->nr_pages;
	info->shared_info = start->shared_info_mfn << XC_PAGE_SHIFT;
	info->store_mfn = p2m[layout->store];
	info->store_evtchn = start->store_port;
	info->console.domU.mfn = p2m[layout->console];
	info->console.domU.evtchn = start->console_port;
	info->pt_base = xg_va(layout, layout->tables);
	info->nr_pt_frames = layout->nr_tables;
	info->mfn_list = layout->p2m_va;
	if (start->initrd_bytes) {
		info->mod_start =
			layout->initrd_mapped ? xg_va(layout, layout->initrd) : layout->initrd;
		info->mod_len = start->initrd_bytes;
	}
	if (start->initrd_bytes && !layout->initrd_mapped)
		info->flags |= SIF_MOD_START_PFN;
	if (layout->p2m_tables) {
		info->first_p2m_pfn = layout->p2m;
		info->nr_p2m_frames = layout->p2m_pages + layout->p2m_tables;
	}
	if (start->cmdline)
		g_strlcpy((char *)info->cmd_line, start->cmdline, sizeof(info->cmd_line));
}

void xg_vcpu_fill(const struct xg_layout *layout, const struct xg_kernel *kernel,
	const xen_pfn_t *p2m, struct vcpu_guest_context *context)
{
	memset(context, 0, sizeof(*context));
	context->flags = CONTEXT_FLAGS;
	context->user_regs.rip = kernel->entry;
	context->user_regs.rsp = xg_va(layout, layout->stack + 1);
	context->user_regs.rsi = xg_va(layout, layout->start_info);
	context->user_regs.rflags = FLAGS_IF;
	context->user_regs.cs = FLAT_KERNEL_CS;
	context->user_regs.ss = FLAT_KERNEL_SS;
	context->kernel_ss = context->user_regs.ss;
	context->kernel_sp = context->user_regs.rsp;
	context->ctrlreg[3] = xen_pfn_to_cr3(p2m[layout->tables]);
}
