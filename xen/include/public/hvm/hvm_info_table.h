/* What the domain builder tells an HVM guest's firmware. */
#ifndef __XEN_PUBLIC_HVM_HVM_INFO_TABLE_H__
#define __XEN_PUBLIC_HVM_HVM_INFO_TABLE_H__

#define HVM_INFO_PFN    0x09F
#define HVM_INFO_OFFSET 0x800
#define HVM_INFO_PADDR  ((HVM_INFO_PFN << 12) + HVM_INFO_OFFSET)

#define HVM_MAX_VCPUS 128

struct hvm_info_table {
	char signature[8]; /* "HVM INFO" */
	uint32_t length;
	uint8_t checksum; /* makes all bytes add up to 0 */
	uint8_t apic_mode;
	uint32_t nr_vcpus;
	uint32_t low_mem_pgend;        /* RAM below 4 GiB ends at this page */
	uint32_t reserved_mem_pgstart; /* special pages begin here */
	uint32_t high_mem_pgend;       /* RAM above 4 GiB ends here; 0: none */
	uint8_t vcpu_online[(HVM_MAX_VCPUS + 7) / 8];
};

#endif /* __XEN_PUBLIC_HVM_HVM_INFO_TABLE_H__ */
